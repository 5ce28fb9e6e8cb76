import assert from 'node:assert/strict';
import { join } from 'node:path';
import { StatIndex } from '../../../server/objects/index.ts';
import { testFolder } from './testFolder.ts';

describe('stat index', () => {
  const folder = testFolder();
  const SECOND_NS = 1_000_000_000n;
  const HASHED_AT_NS = 1_700_000_000n * SECOND_NS;
  const digests = { md5: 'm', sha256: 's' };

  function withIndex<T>(use: (index: StatIndex) => T): T {
    const index = new StatIndex(join(folder.path, 'index/stat.sqlite'));
    try {
      return use(index);
    } finally {
      index.close();
    }
  }
  const record = (path: string) =>
    withIndex((index) => index.record([{ path, signature: 'same', hashedAtNs: HASHED_AT_NS, ...digests }]));
  const lookUp = (path: string, signature: string, stampedNs: bigint) =>
    withIndex((index) => index.lookup()(path, { bytes: 1, signature, stampedNs }));

  it('knows an unchanged file that is older than its hashing, over restarts', () => {
    record('/data/a');
    assert.deepEqual(lookUp('/data/a', 'same', HASHED_AT_NS - 60n * SECOND_NS), digests);
  });

  it('does not know a file whose stat changed, or another file', () => {
    record('/data/a');
    assert.equal(lookUp('/data/a', 'other', 0n), null);
    assert.equal(lookUp('/data/b', 'same', 0n), null);
  });

  it('does not trust an entry that is not older than its hashing', () => {
    record('/data/a');
    for (const age of [-60n, 0n, 1n]) assert.equal(lookUp('/data/a', 'same', HASHED_AT_NS - age * SECOND_NS), null);
  });

  it('forgets a folder and nothing beside it', () => {
    for (const path of ['/data/a', '/data/a/b', '/data/ab', '/data/%']) record(path);
    withIndex((index) => index.forget('/data/a'));
    const known = ['/data/a', '/data/a/b', '/data/ab', '/data/%'].map((path) => lookUp(path, 'same', 0n) !== null);
    assert.deepEqual(known, [false, false, true, true]);
  });
});
