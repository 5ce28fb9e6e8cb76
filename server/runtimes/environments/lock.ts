import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeAtomically } from '../writeAtomically.ts';
import { readIfPresent } from './files.ts';
import { existingInterpreter, findInterpreter, type Interpreter, installedPackages } from './interpreter.ts';
import { digestOf, type EnvironmentSpec, isPath, parseRequirements, type Requirements } from './specification.ts';
import { runUv, type Uv } from './uv.ts';

/** An environment with nothing left open: what the receipt of a run holds. */
export interface EnvironmentLock {
  /** Hex SHA-256 over the lock and what the interpreter's wheels depend on; the same digest is the same environment. */
  digest: string;
  /** A requirements file with every package, its version and the hashes of its files. */
  lock: string;
  /** Version by package name (lower case, hyphens). */
  packages: Record<string, string>;
  /** Full version of the interpreter, "3.11.7". */
  python: string;
  /** The interpreter to build from, or to use as it is. */
  interpreter: string;
  /** The user's own environment, which is used as it is: nothing is built. */
  existing: boolean;
}

export interface EnvironmentContext {
  /** Where locks and environments are kept. */
  root: string;
  uv: Uv;
  /** What a relative path in `python` is relative to: the folder of slipway.yaml. */
  folder: string;
  onProgress?: (line: string) => void;
  signal?: AbortSignal;
}

const lockFileSchema = z.object({ lock: z.string(), packages: z.record(z.string(), z.string()) });

/**
 * Resolves a specification to exact versions. The first resolution of a specification is kept: asked again, tomorrow
 * or in a trial, it is the same environment, whatever was published since.
 *
 * @throws SlipwayError `environment.noPython`, `environment.unresolvable`, `environment.invalidRequirements`,
 * `environment.localRequirement`, `environment.secretInRequirements`, `environment.indexUnreachable`, …
 */
export async function lockEnvironment(spec: EnvironmentSpec, context: EnvironmentContext): Promise<EnvironmentLock> {
  if (spec.python !== undefined && isPath(spec.python)) return lockExisting(spec.python, context);
  const wanted = parseRequirements(spec);
  const interpreter = await findInterpreter(context.uv, spec.python, context.onProgress, context.signal);
  const { lock, packages } = await resolve(wanted, interpreter, context);
  return {
    digest: digestOf(interpreter.abi, lock),
    lock,
    packages,
    python: interpreter.version,
    interpreter: interpreter.path,
    existing: false,
  };
}

async function lockExisting(path: string, { uv, folder, signal }: EnvironmentContext): Promise<EnvironmentLock> {
  const interpreter = await existingInterpreter(path, folder, uv.env, signal);
  const packages = await installedPackages(interpreter.path, uv.env, signal);
  const lock = Object.entries(packages)
    .map(([name, version]) => `${name}==${version}\n`)
    .sort()
    .join('');
  return {
    digest: digestOf(interpreter.path, interpreter.abi, lock),
    lock,
    packages,
    python: interpreter.version,
    interpreter: interpreter.path,
    existing: true,
  };
}

async function resolve(wanted: Requirements, interpreter: Interpreter, context: EnvironmentContext) {
  const { requirements, options } = wanted;
  const path = join(context.root, 'locks', `${digestOf(interpreter.abi, ...requirements, '', ...options)}.json`);
  const known = await readIfPresent(path);
  if (known !== null) return lockFileSchema.parse(JSON.parse(known));

  const what = `The requirements do not resolve for Python ${interpreter.version}`;
  const args = [
    'pip',
    'compile',
    '-',
    '--python',
    interpreter.path,
    '--generate-hashes',
    '--no-header',
    '--no-annotate',
  ];
  await mkdir(join(context.root, 'locks'), { recursive: true });
  const { stdout } = await runUv(context.uv, what, args, {
    cwd: context.root,
    input: [...options, ...requirements, ''].join('\n'),
    onLine: (line) => !/^\s*--hash|==.*\\$/.test(line) && context.onProgress?.(line),
    signal: context.signal,
  });
  // uv leaves out where it looked (it could hold credentials); as written in the file it is needed again to install.
  const lock = [...options.map((option) => `${option}\n`), stdout].join('');
  const result = { lock, packages: lockedPackages(stdout) };
  await writeAtomically(path, `${JSON.stringify(result)}\n`);
  return result;
}

/** Names and versions of a lock file; a package from a URL has that as its version. */
export function lockedPackages(lock: string): Record<string, string> {
  const packages: Record<string, string> = {};
  for (const line of lock.split('\n')) {
    const match = /^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:==| @ )(\S+)/.exec(line);
    if (match) packages[match[1]!.toLowerCase()] = match[2]!;
  }
  return packages;
}
