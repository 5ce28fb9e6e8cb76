import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import { environmentFailure } from './failure.ts';
import { type RunOptions, type RunResult, runProgram, tryProgram } from './process.ts';
import { uvVariables } from './settings.ts';

/** A uv that runs, and the variables to start it with. */
export interface Uv {
  path: string;
  version: string;
  env: NodeJS.ProcessEnv;
}

export interface FindUvOptions {
  /** Where environments live; a uv of our own is put under `tools/` in it. */
  root: string;
  /** The user's variables: PATH, the settings of uv and pip, proxies, certificates. */
  env: NodeJS.ProcessEnv;
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

/**
 * The uv to work with: the one on the PATH, else one where its installers put it (an editor started from a dock has a
 * short PATH), else one installed by the user's pip into our own folder.
 *
 * @throws SlipwayError `environment.noUv` with what to install
 */
export async function findUv({ root, env, onProgress, signal }: FindUvOptions): Promise<Uv> {
  const own = join(root, 'tools', 'uv');
  const pipConfig = (await tryProgram('python3', ['-m', 'pip', 'config', 'list'], { env, signal }))?.stdout ?? '';
  const variables = uvVariables(env, pipConfig);
  const candidates = [
    ...(env['PATH'] ?? '').split(delimiter).filter(Boolean),
    ...['.local/bin', '.cargo/bin'].map((folder) => join(env['HOME'] ?? homedir(), folder)),
    '/opt/homebrew/bin',
    '/usr/local/bin',
    join(own, 'bin'),
  ];
  for (const folder of new Set(candidates)) {
    const found = await probe(join(folder, 'uv'), variables, signal);
    if (found) return found;
  }
  await installUv(own, env, onProgress, signal);
  const installed = await probe(join(own, 'bin', 'uv'), variables, signal);
  if (installed) return installed;
  throw noUv(`pip installed it into ${own}, but it does not run there`);
}

/** Runs uv; a status other than 0 becomes an error that begins with `what`. */
export async function runUv(
  uv: Uv,
  what: string,
  args: string[],
  options: Omit<RunOptions, 'env'> = {},
): Promise<RunResult> {
  const result = await runProgram(uv.path, args, { ...options, env: uv.env });
  if (result.code !== 0) throw environmentFailure(what, `${result.stdout}${result.stderr}`);
  return result;
}

/** A file named uv can be a shim (pyenv's) that does not lead anywhere: only running it tells. */
async function probe(path: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Uv | null> {
  const result = await tryProgram(path, ['--version'], { env, signal });
  const version = /^uv (\d+\.\d+\.\d+)/.exec(result?.stdout ?? '')?.[1];
  return result?.code === 0 && version ? { path, version, env } : null;
}

/** `pip install --target`, complete or absent: into a folder beside, then renamed. */
async function installUv(
  folder: string,
  env: NodeJS.ProcessEnv,
  onProgress: ((line: string) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  onProgress?.('Installing uv, which builds the environments');
  await mkdir(join(folder, '..'), { recursive: true });
  const part = await mkdtemp(`${folder}.part-`);
  try {
    // --target leaves the user's Python alone, and so is allowed where PEP 668 marks it as externally managed.
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', part, 'uv>=0.5'];
    const result = await tryProgram('python3', args, {
      env: { ...env, PIP_ROOT_USER_ACTION: 'ignore' },
      onLine: onProgress,
      signal,
    });
    if (!result) throw noUv('there is no python3 to install it with');
    if (/No module named pip/.test(result.stderr)) throw noUv('python3 has no pip to install it with');
    if (result.code !== 0) throw environmentFailure('uv could not be installed by pip', result.stderr);
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
  } catch (error) {
    // Another process that came first has put a whole uv in place.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

function noUv(reason: string): SlipwayError {
  return new SlipwayError(
    'environment.noUv',
    `uv, which builds Python environments, was not found, and ${reason}.`,
    'Install uv (https://docs.astral.sh/uv/getting-started/installation/) or `pip install uv`, then try again.',
    424,
  );
}
