import assert from 'node:assert/strict';
import { BadSearch, parseFilter, parseOrder } from '../../../../server/domain/run/searchRuns.ts';
import type { TrackedState } from '../../../../server/domain/run/tracked.ts';

function run(id: string, more: Partial<TrackedState> = {}): TrackedState {
  return {
    ...{ id, project: 'p', experiment: '1', isForeign: true, name: id, user: 'u', status: 'FINISHED', startTime: 100 },
    ...{ params: {}, tags: {}, metrics: {}, models: [], isDeleted: false },
    ...more,
  };
}
const metric = (value: number | 'NaN') => ({ value, timestamp: 1, step: 0 });

const runs = [
  run('a', { metrics: { 'val/acc': metric(0.9), loss: metric(0.5) }, params: { lr: '0.1', 'opt.name': 'adam' } }),
  run('b', {
    metrics: { 'val/acc': metric(0.7), loss: metric('NaN') },
    params: { lr: '0.01' },
    tags: { team: 'Vision' },
  }),
  run('c', { status: 'FAILED', params: { lr: '0.1' }, startTime: 300 }),
];
const found = (filter: string) =>
  runs
    .filter(parseFilter(filter))
    .map(({ id }) => id)
    .join('');

describe('a search of MLflow runs', () => {
  const filters: [filter: string, found: string][] = [
    ['', 'abc'],
    ['metrics.loss < 1', 'a'],
    ['metrics.`val/acc` >= 0.7', 'ab'],
    ['metric."val/acc" > 0.8 and params.lr = "0.1"', 'a'],
    ["params.lr = '0.1' AND attributes.status != 'FAILED'", 'a'],
    ["params.opt.name = 'adam'", 'a'],
    ["tags.team LIKE 'Vis%'", 'b'],
    ["tags.team LIKE 'vis%'", ''],
    ["tags.team ILIKE 'vis_on'", 'b'],
    ["run_id IN ('a', 'c')", 'ac'],
    ["attributes.run_id NOT IN ('a', 'c')", 'b'],
    ['tags.team IS NULL', 'ac'],
    ['tags.team IS NOT NULL', 'b'],
    ['attribute.start_time > 2e2', 'c'],
    ["status = 'FAILED'", 'c'],
    ['metrics.toString > 0', ''],
  ];
  for (const [filter, expected] of filters) {
    it(`of ${filter || 'nothing'} finds ${expected || 'none'}`, () => assert.equal(found(filter), expected));
  }

  for (const filter of [
    'loss > 1',
    'metrics.loss',
    'metrics.loss > x',
    'metrics.loss ~ 1',
    'a and',
    "tags.a = 'x' tags.b = 'y'",
    "tags.a in ('x'",
  ]) {
    it(`says that ${filter} cannot be read`, () => assert.throws(() => parseFilter(filter), BadSearch));
  }

  it('orders by keys, with runs that have no value last, newest first among equals', () => {
    const ordered = (...order: string[]) =>
      runs
        .toSorted(parseOrder(order))
        .map(({ id }) => id)
        .join('');
    assert.equal(ordered('metrics.loss ASC'), 'abc');
    assert.equal(ordered('metrics.loss DESC'), 'abc');
    assert.equal(ordered('metrics.`val/acc` DESC'), 'abc');
    assert.equal(ordered('params.lr', 'metrics.loss'), 'bac');
    assert.equal(ordered(), 'cab');
    assert.throws(() => parseOrder(['metrics.loss SIDEWAYS']), BadSearch);
  });
});
