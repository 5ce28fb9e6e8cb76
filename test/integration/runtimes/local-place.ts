/** A local runtime's root in a temporary folder; when it closes, whatever carries the mark of a workload in it is ended. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LocalRuntime, type LocalRuntimeOptions } from '../../../server/runtimes/index.ts';
import { endMembers, findMembers, type Member } from '../../../server/runtimes/local/processes.ts';
import { readWorkload } from '../../../server/runtimes/local/records.ts';
import type { RuntimePlace } from './conformance.ts';

export const launcherPath = resolve('server/runtimes/local/launcher.ts');

export interface LocalPlace extends RuntimePlace {
  root: string;
  runtime(options?: Partial<LocalRuntimeOptions>): Promise<LocalRuntime>;
  /** Running processes that carry the workload's mark. */
  members(id: string): Promise<Member[]>;
}

export async function makeLocalPlace(): Promise<LocalPlace> {
  const root = join(await mkdtemp(join(tmpdir(), 'slipway-runtimes-')), 'workloads');
  const runtimes: LocalRuntime[] = [];
  return {
    root,
    async runtime(options) {
      const runtime = new LocalRuntime({ root, launcherPath, ...options });
      runtimes.push(runtime);
      return runtime;
    },
    async members(id) {
      const { mark } = (await readWorkload(join(root, id)))!;
      return findMembers({ mark, isParent: false });
    },
    async close() {
      for (const runtime of runtimes) runtime.close();
      for (const id of await readdir(root).catch(() => [])) {
        const workload = await readWorkload(join(root, id));
        if (workload) await endMembers({ mark: workload.mark, isParent: false }, () => Date.now());
      }
      await rm(join(root, '..'), { recursive: true, force: true });
    },
  };
}
