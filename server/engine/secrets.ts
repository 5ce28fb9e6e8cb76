/**
 * Secrets of the user: one file each, mode 0600, below the data folder. Values go from there into the environment of
 * the programs that name them and nowhere else; everything else knows names.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../protocol/entities.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { Name } from '../protocol/names.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';

/** The environment variable of a secret: `hf-token` → `HF_TOKEN`. */
export function secretVariable(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** Newest names last. */
export async function listSecrets(folder: string): Promise<Secret[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => Name.safeParse(name).success).sort();
  return Promise.all(names.map((name) => secretOf(folder, name)));
}

/** @throws SlipwayError `secret.badName` for a name whose variable means something to every program */
export async function setSecret(folder: string, name: string, value: string): Promise<Secret> {
  const variable = secretVariable(name);
  if (/^(SLIPWAY_|LD_|DYLD_)|^(PATH|HOME|USER|SHELL|PYTHONPATH|VIRTUAL_ENV|CUDA_VISIBLE_DEVICES)$|^\d/.test(variable)) {
    const message = `A secret ${name} would be the variable ${variable}, which has a meaning of its own.`;
    throw new SlipwayError('secret.badName', message, 'Choose another name.');
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeAtomically(join(folder, name), value);
  return secretOf(folder, name);
}

/** @throws SlipwayError `secret.unknown` */
export async function deleteSecret(folder: string, name: string): Promise<void> {
  await secretOf(folder, name);
  await rm(join(folder, name), { force: true });
}

/** The files of the secrets that a step names, by variable. @throws SlipwayError `secret.unknown` */
export async function secretFiles(
  folder: string,
  names: readonly string[] | undefined,
): Promise<Record<string, string> | undefined> {
  if (!names || names.length === 0) return undefined;
  for (const name of names) await secretOf(folder, name);
  return Object.fromEntries(names.map((name) => [secretVariable(name), join(folder, name)]));
}

async function secretOf(folder: string, name: string): Promise<Secret> {
  const found = Name.safeParse(name).success ? await stat(join(folder, name)).catch(() => undefined) : undefined;
  if (found) return { name, variable: secretVariable(name), updatedAt: Math.round(found.mtimeMs) };
  const hint = `Set it: slipway secret set ${name} < FILE`;
  throw new SlipwayError('secret.unknown', `There is no secret ${name}.`, hint, 404);
}
