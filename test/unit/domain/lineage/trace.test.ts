import assert from 'node:assert/strict';
import type { Statement } from '../../../../server/domain/lineage/receipt.ts';
import { type FoundReceipt, traceBack } from '../../../../server/domain/lineage/trace.ts';

type Input = Statement['predicate']['inputs'][number];

function receipt(name: string, kind: string, inputs: Input[], products: string[] = []): FoundReceipt {
  const digest = { sha256: `of ${name}` };
  const subject = [{ name, digest }, ...products.map((product) => ({ name: product, digest: { sha256: product } }))];
  const predicate = { project: 'digits', seq: 1, kind, at: '2026-01-01T00:00:00Z', actor: 'a', inputs, prev: null };
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject,
    predicateType: 'https://slipway.dev/receipt/v1',
  };
  return {
    id: `receipt of ${name}`,
    statement: {
      ...statement,
      predicate: { ...predicate, decision: `${kind}!`, evidence: { step: 'train' } },
    } as Statement,
    isDeleted: false,
  };
}
const input = (name: string, source?: string): Input => ({
  name,
  digest: { sha256: `of ${name}` },
  ...(source ? { source } : {}),
});

const receipts = [
  receipt('dataset:digits@v1', 'dataset.added', []),
  receipt('dataset:digits@v2', 'dataset.added', [input('dataset:digits@v1')]),
  receipt('split:digits@v2', 'split.made', [input('dataset:digits@v2')]),
  receipt(
    'run:s1',
    'stage.done',
    [input('dataset:digits@v2'), input('code', 'external')],
    ['output:s1/a', 'output:s1/b'],
  ),
  receipt(
    'run:r1',
    'run.finished',
    [input('split:digits@v2'), input('output:s1/a'), input('output:s1/b'), input('code', 'external')],
    ['output:r1/model'],
  ),
  receipt('validation:w1', 'validation.decided', [input('output:r1/model')]),
  receipt('model:digits@v1', 'model.registered', [input('output:r1/model'), input('validation:w1')]),
];
const makerOf = async ({ name }: Input) =>
  receipts.find(({ statement }) => statement.subject.some((one) => one.name === name));

describe('the way back from a model version', () => {
  it('goes through every receipt to the bytes, each thing once', async () => {
    const { nodes, edges, isComplete } = await traceBack(receipts.at(-1)!, makerOf);
    assert.equal(isComplete, true);
    assert.deepEqual(
      nodes.map(({ id, kind }) => [id, kind]),
      [
        ['model:digits@v1', 'model'],
        ['run:r1', 'run'],
        ['validation:w1', 'validation'],
        ['split:digits@v2', 'split'],
        ['run:s1', 'stage'],
        ['code:of code', 'code'],
        ['dataset:digits@v2', 'dataset'],
      ],
    );
    assert.deepEqual(
      edges.filter(({ to }) => to === 'run:r1').map(({ from, receipt: id }) => [from, id]),
      [
        ['split:digits@v2', 'receipt of run:r1'],
        ['run:s1', 'receipt of run:r1'],
        ['code:of code', 'receipt of run:r1'],
      ],
    );
  });

  it('leaves out the version that a dataset version was compared with', async () => {
    const { nodes } = await traceBack(receipts[1]!, makerOf);
    assert.deepEqual(
      nodes.map(({ id }) => id),
      ['dataset:digits@v2'],
    );
  });

  it('shows what comes from outside without a receipt, and names a run by its step', async () => {
    const { nodes } = await traceBack(receipts.at(-1)!, makerOf);
    assert.equal(nodes.find(({ kind }) => kind === 'code')!.receipt, null);
    assert.equal(nodes.find(({ id }) => id === 'run:r1')!.title, 'train');
    assert.equal(nodes.find(({ id }) => id === 'model:digits@v1')!.title, 'digits@v1');
  });

  it('says so where there is more than a picture holds', async () => {
    const many = Array.from({ length: 300 }, (_, i) => input(`dataset:d${i}@v1`));
    const { nodes, isComplete } = await traceBack(receipt('run:big', 'run.finished', many), async () => undefined);
    assert.equal(nodes.length, 200);
    assert.equal(isComplete, false);
  });
});
