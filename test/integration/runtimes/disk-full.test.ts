import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, statfs, watch, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalRuntime } from '../../../server/runtimes/index.ts';
import { readLog, shell, until } from './conformance.ts';
import { launcherPath } from './local-place.ts';

/** Needs the right to mount a small file system of its own; skipped where there is none. */
describe('local runtime on a full disk', function () {
  this.timeout(60_000);
  let disk: string | undefined;
  let runtime: LocalRuntime;

  before(async function () {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'slipway-test', folder], { stdio: 'ignore' });
    } catch {
      await rm(folder, { recursive: true });
      this.skip();
    }
    disk = folder;
    runtime = new LocalRuntime({ root: join(folder, 'workloads'), launcherPath });
  });
  after(async () => {
    runtime?.close();
    if (!disk) return;
    execFileSync('umount', ['-l', disk]);
    await rm(disk, { recursive: true });
  });

  async function fill(): Promise<void> {
    const { bavail, bsize } = await statfs(disk!);
    await writeFile(join(disk!, 'ballast'), new Uint8Array(bavail * bsize));
  }

  it('a start is refused by name, and works when there is room again', async () => {
    const workload = shell('exit 3');
    await mkdir(join(disk!, 'workloads'), { recursive: true });
    await fill();
    await assert.rejects(runtime.start(workload), { code: 'runtime.diskFull', status: 507 });
    await rm(join(disk!, 'ballast'));
    await runtime.start(workload);
    assert.equal((await until(runtime, workload.id, 'ended')).exitCode, 3);
  });

  it('how work ended is kept until there is room to write it', async () => {
    const script = 'echo ready; while [ ! -s ballast ]; do sleep 0.05; done; exit 3';
    const workload = shell(script, { cwd: disk! });
    await runtime.start(workload);
    await readLog(runtime, workload.id, 'ready');
    await until(runtime, workload.id, 'started');
    const failed = writeFails(join(disk!, 'workloads', workload.id), 'exited.json');
    await fill();
    await failed;
    await rm(join(disk!, 'ballast'));
    assert.equal((await until(runtime, workload.id, 'ended')).exitCode, 3);
  });

  /** Resolves when a file's temporary predecessor was made and removed again. */
  async function writeFails(folder: string, name: string): Promise<void> {
    let renames = 0;
    for await (const { eventType, filename } of watch(folder)) {
      if (eventType === 'rename' && filename?.startsWith(`.${name}.`)) renames++;
      if (renames === 2) return;
    }
  }
});
