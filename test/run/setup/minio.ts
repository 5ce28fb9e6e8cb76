// MinIO, the S3 server of tests: built from its source by Go, once per version.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, run } from '../process.ts';
import { cached } from './cache.ts';
import { onPath } from './debian.ts';

const version = 'v0.0.0-20260212201848-7aac2a2c5b7c';
/** What MinIO's go.mod asks for; an older Go could only download a newer one of itself. */
const leastGo = [1, 24] as const;

/**
 * Environment variable for suites: `SLIPWAY_TEST_MINIO`, the server's program. Without a Go that can build it the
 * variable is missing, and the tests that need it are skipped with the reason that is printed here.
 */
export async function prepareMinio(): Promise<NodeJS.ProcessEnv> {
  const present = process.env['SLIPWAY_TEST_MINIO'] ?? onPath('minio');
  if (present) return { SLIPWAY_TEST_MINIO: present };
  const go = await findGo();
  if (!go) {
    console.log(
      `MinIO is not on the PATH, and no Go ${leastGo.join('.')} or newer to build it: its tests are skipped.`,
    );
    return {};
  }
  const folder = await cached(`minio-${version}`, (target) => install(go, target));
  const minio = path.join(folder, 'minio');
  if (!existsSync(minio)) throw new Error(`${folder} holds no minio: delete that folder and run again.`);
  return { SLIPWAY_TEST_MINIO: minio };
}

async function findGo(): Promise<string | undefined> {
  const go = onPath('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined);
  if (!go) return undefined;
  const { output } = await run({ argv: [go, 'env', 'GOVERSION'], progress: 'go' });
  const [major, minor] = (/^go(\d+)\.(\d+)/m.exec(output) ?? []).slice(1).map(Number);
  if (major === undefined || minor === undefined) return undefined;
  return major > leastGo[0] || (major === leastGo[0] && minor >= leastGo[1]) ? go : undefined;
}

async function install(go: string, folder: string): Promise<void> {
  const argv = ['nice', '-n', '10', go, 'install', '-ldflags', '-s -w', `github.com/minio/minio@${version}`];
  const env = childEnvironment({ GOBIN: folder, GOTOOLCHAIN: 'local', GOFLAGS: '' });
  const ended = await run({ argv, env, progress: 'building MinIO (4 to 6 min)', limitMs: 30 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
}
