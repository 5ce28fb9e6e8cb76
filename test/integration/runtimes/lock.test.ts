import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tryLock } from '../../../server/runtimes/index.ts';

describe('lock', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-lock-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('has one holder at a time, in one process too', () => {
    const path = join(folder, 'one.db');
    const lock = tryLock(path);
    assert.ok(lock);
    assert.equal(tryLock(path), undefined);
    lock.release();
    const next = tryLock(path);
    assert.ok(next);
    next.release();
  });

  it('is free again when its holder is killed', async () => {
    const path = join(folder, 'killed.db');
    const module = resolve('server/runtimes/local/lock.ts');
    const script = `import { tryLock } from ${JSON.stringify(module)};
      const lock = tryLock(${JSON.stringify(path)});
      console.log(lock ? 'held' : 'busy');
      setInterval(() => lock, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.equal(String(await once(holder.stdout, 'data')), 'held\n');
    assert.equal(tryLock(path), undefined);
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;
    const lock = tryLock(path);
    assert.ok(lock);
    lock.release();
  });

  it('on a path that cannot be a lock is an error', () => {
    assert.throws(() => tryLock(join(folder, 'no', 'such', 'folder.db')), { code: 'lock.failed' });
  });
});
