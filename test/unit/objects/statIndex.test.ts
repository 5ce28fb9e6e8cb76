import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileTable } from '../../../server/objects/fileTable.ts';
import { StatIndex } from '../../../server/objects/statIndex.ts';
import { testFolder } from './testFolder.ts';

describe('stat index', () => {
  const folder = testFolder();
  const HASHED_AT_MS = 1_700_000_000_000;
  const MINUTE_MS = 60_000;
  const digests = { md5: 'a'.repeat(32), sha256: 'b'.repeat(64) };
  const noFacts = { summary: null, shards: null };
  const stateAt = (mtimeMs: number) => ({ size: 1, mtimeMs, ctimeMs: mtimeMs, ino: 7, dev: 1 });
  const open = (root = '/data') => new StatIndex(join(folder.path, 'index'), root);

  function tableOf(names: string[], mtimeMs = HASHED_AT_MS - MINUTE_MS): FileTable {
    const table = new FileTable();
    for (const name of names) {
      table.append(name, stateAt(mtimeMs));
      table.setDigests(table.count - 1, digests.md5, digests.sha256, HASHED_AT_MS);
    }
    return table;
  }

  function recalled(names: string[], mtimeMs = HASHED_AT_MS - MINUTE_MS, root = '/data'): boolean[] {
    const index = open(root);
    const table = new FileTable();
    for (const name of names) table.append(name, stateAt(mtimeMs));
    return names.map((_, row) => index.recall(table, row) && table.md5(row) === digests.md5);
  }

  it('knows unchanged files that are older than their hashing, over restarts, in any order', () => {
    open().record(tableOf(['a', 'b', '한국/😀\n']), noFacts);
    assert.deepEqual(recalled(['a', 'b', '한국/😀\n']), [true, true, true]);
    assert.deepEqual(recalled(['한국/😀\n', 'c', 'a', 'b']), [true, false, true, true]);
  });

  it('does not know a file whose stat changed, or the file of another folder', () => {
    open().record(tableOf(['a']), noFacts);
    assert.deepEqual(recalled(['a'], HASHED_AT_MS - 2 * MINUTE_MS), [false]);
    assert.deepEqual(recalled(['a'], HASHED_AT_MS - MINUTE_MS, '/other'), [false]);
  });

  it('does not trust an entry that is not older than its hashing', () => {
    for (const ageMs of [-MINUTE_MS, 0, 1000]) {
      open().record(tableOf(['a'], HASHED_AT_MS - ageMs), noFacts);
      assert.deepEqual(recalled(['a'], HASHED_AT_MS - ageMs), [false]);
    }
  });

  it('knows what an add that was cut off has read, until the next whole listing', () => {
    open().record(tableOf(['a']), noFacts);
    open().recordPortion(tableOf(['x', 'b', 'c']), [1, 2]);
    assert.deepEqual(recalled(['a', 'b', 'c', 'x']), [true, true, true, false]);
    assert.equal(open().isComplete(1), false);
    open().record(tableOf(['b']), noFacts);
    assert.deepEqual(recalled(['a', 'b', 'c']), [false, true, false]);
    assert.equal(open().isComplete(1), true);
  });

  it('knows nothing from a file that is torn or damaged', () => {
    const damages = [
      (file: string) => truncateSync(file, 100),
      (file: string) => {
        const content = readFileSync(file);
        content[content.length - 1]! ^= 1;
        writeFileSync(file, content);
      },
    ];
    for (const damage of damages) {
      open().record(tableOf(['a']), noFacts);
      damage(join(folder.path, 'index', readdirSync(join(folder.path, 'index'))[0]!));
      assert.deepEqual(recalled(['a']), [false]);
    }
  });
});
