import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { SlipwayError } from '../../protocol/errors.ts';
import { runProgram, tryProgram } from './process.ts';
import { runUv, type Uv } from './uv.ts';

/** What an interpreter says of itself. */
export interface Interpreter {
  path: string;
  /** Full version, "3.11.7". */
  version: string;
  /** Implementation, minor version and platform in one word, "cpython-311-x86_64-linux-gnu": wheels depend on it. */
  abi: string;
}

const aboutSchema = z.object({ version: z.string(), abi: z.string() });
// Without SOABI (PyPy on some systems) the platform and cache tags say the same.
const aboutScript = `
import json, platform, sys, sysconfig
abi = sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag + "-" + sysconfig.get_platform()
print(json.dumps({"version": platform.python_version(), "abi": abi}))`;

const packagesSchema = z.record(z.string(), z.string());
const packagesScript = `
import importlib.metadata as metadata, json
print(json.dumps({d.metadata["Name"].lower().replace("_", "-"): d.version for d in metadata.distributions() if d.metadata["Name"]}))`;

/**
 * The interpreter for a version request, or the first that is found without one. An installed one is preferred; only
 * if none fits, uv is let download one (which its own settings may forbid).
 *
 * @throws SlipwayError `environment.noPython`
 */
export async function findInterpreter(
  uv: Uv,
  request: string | undefined,
  onProgress?: (line: string) => void,
  signal?: AbortSignal,
): Promise<Interpreter> {
  const wanted = request === undefined ? [] : [request];
  const systemFirst: Uv = { ...uv, env: { UV_PYTHON_PREFERENCE: 'system', ...uv.env } };
  const find = () =>
    runProgram(uv.path, ['python', 'find', '--no-project', '--system', '--no-python-downloads', ...wanted], {
      env: systemFirst.env,
      signal,
    });
  let found = await find();
  if (found.code !== 0) {
    const name = request === undefined ? 'Python' : `Python ${request}`;
    const missing = `${name} is not installed here and could not be downloaded`;
    try {
      await runUv(systemFirst, missing, ['python', 'install', ...wanted], { onLine: onProgress, signal });
    } catch (error) {
      if (!(error instanceof SlipwayError) || /cancelled|diskFull/.test(error.code)) throw error;
      const hint = 'Install it, or set `python:` in slipway.yaml to a version or a virtual environment that is here.';
      throw new SlipwayError('environment.noPython', error.message, hint, 424, { cause: error });
    }
    found = await find();
  }
  return describe(found.stdout.trim(), uv.env, signal);
}

/**
 * The interpreter of an existing virtual environment (its folder) or the interpreter at a path; `~/` is the home.
 *
 * @param folder what a relative path is relative to
 * @throws SlipwayError `environment.noPython` when there is none
 */
export async function existingInterpreter(
  path: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Interpreter> {
  const whole = resolve(folder, path.replace(/^~(?=\/|$)/, env['HOME'] ?? homedir()));
  const isFolder = (await stat(whole).catch(() => null))?.isDirectory() ?? false;
  return describe(isFolder ? join(whole, 'bin', 'python') : whole, env, signal);
}

/** The installed distributions of an interpreter and their versions; those of the user's site too, as a run sees them. */
export async function installedPackages(
  python: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  const result = await runProgram(python, ['-c', packagesScript], { env, cwd: '/', signal });
  if (result.code !== 0) throw noPython(python, `it cannot list its packages: ${result.stderr.trim()}`);
  return packagesSchema.parse(JSON.parse(result.stdout));
}

/** Whether a file can be run; a virtual environment whose base interpreter was removed has a dangling link. */
export async function isRunnable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function describe(path: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Interpreter> {
  const result = await tryProgram(path, ['-I', '-c', aboutScript], { env, signal });
  if (!result) throw noPython(path, 'there is no program that can be run');
  if (result.code !== 0) throw noPython(path, `it does not start: ${result.stderr.trim().split('\n').at(-1)}`);
  return { path, ...aboutSchema.parse(JSON.parse(result.stdout)) };
}

function noPython(path: string, reason: string): SlipwayError {
  return new SlipwayError(
    'environment.noPython',
    `No Python at ${path}: ${reason}.`,
    'Set `python:` in slipway.yaml to a version, or to the folder of a virtual environment.',
    424,
  );
}
