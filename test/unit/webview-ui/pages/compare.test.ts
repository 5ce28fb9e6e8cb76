import assert from 'node:assert/strict';
import type { CompareTable } from '../../../../server/protocol/metrics.ts';
import { itemsOf, shownColumns, sortedRows } from '../../../../webview-ui/pages/compare/arrange.ts';
import { type CompareData, compareDataOf, withTable } from '../../../../webview-ui/pages/compare/compareData.ts';
import { filterRows, parseFilter, searchTexts } from '../../../../webview-ui/pages/compare/filter.ts';

type Values = CompareTable['columns'][number]['values'];

function table(ids: string[], columns: Record<string, Values>): CompareTable {
  return {
    runs: ids.map((id) => ({ id, title: `train ${id}`, project: 'digits', status: 'succeeded' })),
    columns: Object.entries(columns).map(([id, values]) => {
      const [kind, name] = id.split(':') as ['param', string];
      const type = values.some((value) => typeof value === 'string' && value !== 'NaN') ? 'string' : 'number';
      return { kind, name, type, differs: true, values };
    }),
  };
}

const data = compareDataOf([
  table(['a', 'b', 'c', 'd'], {
    'param:lr': [0.1, 0.01, 0.001, null],
    'param:optimizer': ['adam', 'sgd', 'adam', 'adam'],
    'param:seed': [1, 1, 1, 1],
    'metric:val/accuracy': [0.9, 0.8, 'NaN', 0.95],
  }),
]);
const all = [0, 1, 2, 3];
const found = (filter: string, given: CompareData = data) =>
  filterRows(
    given,
    given.ids.map((_, row) => row),
    parseFilter(filter),
    searchTexts(given),
  );

describe('the filter of a comparison', () => {
  it('compares numbers as numbers and texts as texts, and all terms must hold', () => {
    assert.deepEqual(found('lr<0.05').rows, [1, 2]);
    assert.deepEqual(found('val/accuracy>=0.9 optimizer=adam').rows, [0, 3]);
    assert.deepEqual(found('optimizer!=adam').rows, [1]);
    assert.deepEqual(found('optimizer:AD').rows, [0, 2, 3]);
  });

  it('leaves out what has no number where one is compared', () => {
    assert.deepEqual(found('lr<1').rows, [0, 1, 2]);
    assert.deepEqual(found('val/accuracy<1').rows, [0, 1, 3]);
  });

  it('finds words in titles and texts, in any case; words in quotes as one', () => {
    assert.deepEqual(found('SGD').rows, [1]);
    assert.deepEqual(found('"train c"').rows, [2]);
    assert.deepEqual(
      found('train c').rows,
      [0, 1, 2, 3].filter((row) => searchTexts(data)[row]!.includes('c')),
    );
    assert.deepEqual(found('').rows, all);
  });

  it('names the columns it does not know, and lets the rest of the filter hold', () => {
    assert.deepEqual(found('nothing>3 lr<0.05'), { rows: [1, 2], unknown: ['nothing'] });
  });
});

describe('the rows and columns of a comparison', () => {
  it('are sorted by number; what has none stands last in both directions', () => {
    assert.deepEqual(sortedRows(data, { column: 'metric:val/accuracy', descending: true }), [3, 0, 1, 2]);
    assert.deepEqual(sortedRows(data, { column: 'metric:val/accuracy', descending: false }), [1, 0, 3, 2]);
    assert.deepEqual(sortedRows(data, { column: 'param:lr', descending: false }), [2, 1, 0, 3]);
    assert.deepEqual(sortedRows(data, undefined), all);
  });

  it('pinned rows stand first whatever the filter says, and once', () => {
    const items = itemsOf(data, [1, 2], { pinned: [3, 1], closed: new Set() });
    assert.deepEqual(
      items.map((item) => item.kind === 'row' && [item.row, item.pinned]),
      [
        [3, true],
        [1, true],
        [2, false],
      ],
    );
  });

  it('stand in groups, and a closed group keeps its rows to itself', () => {
    const items = itemsOf(data, all, { pinned: [], groupBy: 'param:optimizer', closed: new Set(['adam']) });
    assert.deepEqual(
      items.map((item) => (item.kind === 'group' ? [item.value, item.rows.length, item.isOpen] : item.row)),
      [['adam', 3, false], ['sgd', 1, true], 1],
    );
  });

  it('show only what differs among the shown rows, parameters before metrics, pinned ones before all', () => {
    const names = (rows: number[], choice: Partial<Parameters<typeof shownColumns>[2]>) =>
      shownColumns(data, rows, { hidden: new Set(), pinned: [], differencesOnly: true, ...choice }).map(
        (column) => column.name,
      );
    assert.deepEqual(names(all, {}), ['lr', 'optimizer', 'val/accuracy']);
    assert.deepEqual(names([0, 2], {}), ['lr', 'val/accuracy']);
    assert.deepEqual(names(all, { pinned: ['metric:val/accuracy', 'param:seed'] }), [
      'val/accuracy',
      'seed',
      'lr',
      'optimizer',
    ]);
    assert.deepEqual(names(all, { differencesOnly: false, hidden: new Set(['param:lr']) }), [
      'optimizer',
      'seed',
      'val/accuracy',
    ]);
  });
});

describe('a comparison that is live', () => {
  it('changes rows in their place, adds new ones at the end, and takes away what was deleted', () => {
    const next = withTable(
      data,
      table(['b', 'e'], { 'param:lr': [0.5, 0.2], 'metric:loss': [1, 2], 'param:optimizer': ['sgd', 'sgd'] }),
      ['a'],
    );
    assert.deepEqual(next.ids, ['b', 'c', 'd', 'e']);
    const values = (name: string) => next.columns.find((column) => column.name === name)!.values;
    assert.deepEqual(values('lr'), [0.5, 0.001, null, 0.2]);
    assert.deepEqual(values('loss'), [1, null, null, 2]);
    assert.deepEqual(values('val/accuracy').slice(0, 3), [null, Number.NaN, 0.95]);
    assert.deepEqual(data.ids, ['a', 'b', 'c', 'd'], 'what was there before has changed');
  });
});
