import assert from 'node:assert/strict';
import { deletedReceipt, dependentsOf } from '../../../../server/domain/lineage/deletion.ts';
import type { Statement } from '../../../../server/domain/lineage/receipt.ts';
import { verifyChains } from '../../../../server/domain/lineage/verify.ts';
import type { ReceiptDraft } from '../../../../server/domain/reducer.ts';
import { digestsOf, draft, loop, newKey, seal } from './chains.ts';

const key = newKey();
const at = 1_700_000_000_000;
const dataset = { name: 'dataset:digits@v1', digest: digestsOf('data') };
const model = { name: 'model:digits@v1', digest: digestsOf('model') };

function statementsOf(drafts: readonly ReceiptDraft[], project = 'digits'): Statement[] {
  return seal(drafts, key, project).map(
    ({ envelope }) => JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as Statement,
  );
}

function subjects(names: string[], statements: Statement[]): string[] {
  return dependentsOf(names, statements).map(({ subject }) => subject);
}

describe('what depends on a thing', () => {
  it('is all that was made from it, nearest first, directly or not', () => {
    const found = dependentsOf([dataset.name], statementsOf(loop()));
    assert.deepEqual(
      found.map(({ subject, kind, isDirect }) => [subject, kind, isDirect]),
      [
        ['split:digits@v1', 'split.made', true],
        ['run:r1', 'run.finished', true],
        ['validation:v1', 'validation.decided', false],
        ['model:digits@v1', 'model.registered', false],
        ['alias:digits/production', 'alias.moved', false],
      ],
    );
  });

  it('is found from a run by its outputs', () => {
    assert.deepEqual(subjects(['run:r1'], statementsOf(loop())), [
      'validation:v1',
      'model:digits@v1',
      'alias:digits/production',
    ]);
  });

  it('is found in other projects, in whatever order the chains come', () => {
    const foreign = statementsOf([draft('run.finished', 'run:r9', { inputs: [dataset] })], 'letters');
    const own = statementsOf(loop().slice(0, 1));
    for (const statements of [
      [...foreign, ...own],
      [...own, ...foreign],
    ]) {
      assert.deepEqual(dependentsOf([dataset.name], statements), [
        { subject: 'run:r9', project: 'letters', kind: 'run.finished', isDirect: true },
      ]);
    }
  });

  it('does not hold an alias that has moved on', () => {
    const second = { name: 'model:digits@v2', digest: digestsOf('second') };
    const moved = draft('alias.moved', 'alias:digits/production', { inputs: [second], evidence: { to: 2 } });
    assert.deepEqual(subjects([model.name], statementsOf([...loop(), moved])), []);
  });

  it('does not name what was deleted, and names it again once it was made again', () => {
    const deleted = deletedReceipt({ subject: model.name, parts: [model], dependents: [], at });
    assert.deepEqual(subjects(['run:r1'], statementsOf([...loop().slice(0, 5), deleted])), ['validation:v1']);
    const again = statementsOf([...loop().slice(0, 5), deleted, loop()[4]!]);
    assert.deepEqual(subjects(['run:r1'], again), ['validation:v1', model.name]);
  });

  it('is nothing for a name that no receipt knows', () => {
    assert.deepEqual(subjects(['run:unknown'], statementsOf(loop())), []);
  });
});

describe('a deletion', () => {
  const deletion = { subject: 'dataset:digits', parts: [dataset], dependents: ['run:r1'], at };

  it('says what depended on it, and names the bytes that went as inputs', () => {
    const { kind, subject, inputs, evidence } = deletedReceipt({ ...deletion, evidence: { versions: 1 } });
    assert.deepEqual([kind, subject, inputs], ['deleted', { name: 'dataset:digits' }, [dataset]]);
    assert.deepEqual(evidence, { versions: 1, subject: 'dataset:digits', dependents: ['run:r1'], at });
  });

  it('takes its parts out of what verify expects in the store, and says by which receipt', () => {
    const sealed = seal([...loop(), deletedReceipt(deletion)], key);
    const verdict = verifyChains({ envelopes: sealed.map((one) => one.envelope), keys: [key], known: [key.keyid] });
    assert.deepEqual(verdict.problems, []);
    assert.ok(!verdict.stored.some(({ subject }) => subject === dataset.name));
    assert.deepEqual(
      verdict.deleted.map(({ subject, by }) => [subject, by.seq]),
      [
        ['dataset:digits', 7],
        ['dataset:digits@v1', 7],
      ],
    );
    assert.equal(verdict.stored.length, 3, 'the others keep their bytes');
  });

  it('of something that never was shows as an input that nobody made', () => {
    const parts = [{ name: 'dataset:digits@v9', digest: digestsOf('never') }];
    const sealed = seal([...loop(), deletedReceipt({ ...deletion, parts })], key);
    const { problems } = verifyChains({ envelopes: sealed.map((one) => one.envelope), keys: [key] });
    assert.match(problems[0]!.message, /no earlier receipt made the input dataset:digits@v9/);
  });
});
