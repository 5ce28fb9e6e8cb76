/** Builds of Slipway from changed sources, as an update of the extension brings them. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../loop/place.ts';

const sources = ['package.json', 'esbuild.ts', 'extension', 'server', 'webview-ui', 'resources'];

/** Part of a file and what stands there instead; the part must be there. */
export type Change = [file: string, part: string, by: string];

/**
 * Builds this checkout with another version and some changes.
 * @param folder made here
 * @returns the folder, which has what an installed extension has
 */
export async function build(folder: string, version: string, changes: Change[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const source of sources) await cp(join(root, source), join(folder, source), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const own: Change = ['package.json', `"version": "${await versionOf(root)}"`, `"version": "${version}"`];
  for (const [file, part, by] of [own, ...changes]) {
    const text = await readFile(join(folder, file), 'utf8');
    if (!text.includes(part)) throw new Error(`${file} no longer has ${part}`);
    await writeFile(join(folder, file), text.replace(part, by));
  }
  await promisify(execFile)(process.execPath, ['esbuild.ts'], { cwd: folder });
  return folder;
}

/** The version of a build. */
export async function versionOf(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}
