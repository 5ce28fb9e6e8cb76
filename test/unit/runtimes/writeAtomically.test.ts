import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAtomically } from '../../../server/runtimes/writeAtomically.ts';

describe('a file written atomically', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-write-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is for its owner only unless said otherwise, and leaves nothing beside it', async () => {
    const path = join(folder, 'token');
    await writeAtomically(path, 'a');
    await writeAtomically(path, 'b');
    assert.deepEqual(
      [readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(folder)],
      ['b', 0o600, ['token']],
    );
  });

  it('is whole when several write at once', async () => {
    const path = join(folder, 'routes.json');
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(texts.map((text) => writeAtomically(path, text)));
    assert.ok(texts.includes(readFileSync(path, 'utf8')));
    assert.deepEqual(readdirSync(folder), ['routes.json']);
  });

  it('stays as it was when the writing fails', async () => {
    const path = join(folder, 'folder');
    mkdirSync(join(path, 'inside'), { recursive: true });
    chmodSync(path, 0o755);
    await assert.rejects(writeAtomically(path, 'a'));
    assert.deepEqual(readdirSync(folder), ['folder']);
  });
});
