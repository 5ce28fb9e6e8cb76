// Go programs of the tests: built once per version from modules of the proxy.

import { spawnSync } from 'node:child_process';
import { childEnvironment, run } from '../process.ts';
import { Missing } from './cache.ts';

/** Builds need what these modules ask for; Debian 12 has 1.19. */
const oldest = [1, 25];

/**
 * Runs `go` with the arguments, niced: such builds take minutes on two cores.
 * @throws Missing without a Go that is new enough; Error with the end of what the build said
 */
export async function go(args: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; progress: string }) {
  needGo();
  const argv = ['nice', '-n', '10', 'go', ...args];
  // No -trimpath: it throws the build cache away.
  const env = childEnvironment({ GOFLAGS: '-buildvcs=false', ...options.env });
  const ended = await run({ argv, cwd: options.cwd, env, progress: options.progress, limitMs: 45 * 60_000 });
  if (ended.status !== 0) throw new Error(`'go ${args.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
}

function needGo(): void {
  const version = spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '';
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  const isNew = Number(major) > oldest[0]! || (Number(major) === oldest[0] && Number(minor) >= oldest[1]!);
  if (isNew) return;
  const found = version.trim() || 'nothing';
  throw new Missing(`Go ${oldest.join('.')} or newer is needed on the PATH (found: ${found}): https://go.dev/dl/`);
}
