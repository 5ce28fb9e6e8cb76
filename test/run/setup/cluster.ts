// The test cluster for the suite that needs one: brought up before it, by the same command that people use.

import { childEnvironment, run } from '../process.ts';
import { Missing } from './cache.ts';
import { prepareClusterPrograms } from './kubernetes.ts';
import { prepareMinio } from './minio.ts';

/** Environment variables for suites: none; tests ask `test/cluster` itself. A cluster that was up stays as it is. */
export async function prepareCluster(): Promise<NodeJS.ProcessEnv> {
  await prepareClusterPrograms();
  if (!(await prepareMinio())['SLIPWAY_TEST_MINIO']) throw new Missing('The test cluster needs MinIO.');
  // The image beside each workload holds a bundle.
  await must(['node', 'esbuild.ts']);
  await must(['node', 'test/cluster/main.ts', 'up']);
  return {};
}

async function must(argv: string[]): Promise<void> {
  const ended = await run({ argv, env: childEnvironment(), limitMs: 15 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
}
