import { createHash, randomUUID } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What of the extension a control plane needs; what is missing in a build is left out. */
const parts = ['package.json', 'dist/server', 'dist/webview', 'dist/slipway.schema.json', 'resources'];
/** Older copies that are kept: a workload started by one may still read its files. */
const keptVersions = 3;

/** The entry of a copy. */
export function serverEntry(copy: string): string {
  return path.join(copy, 'dist', 'server', 'slipway.js');
}

/**
 * Copies the bundled control plane to `DIR/versions/V`, so that an update of the extension takes nothing away from a
 * running one. Two windows may do it at once: the copy appears by an atomic rename, the later one is dropped.
 * @param source the extension's folder
 * @param version names the copy
 * @returns the path of the copy
 */
export async function installServer(source: string, folder: string, version: string): Promise<string> {
  const target = path.join(folder, 'versions', version);
  if (await exists(serverEntry(target))) return target;
  const temporary = path.join(folder, 'versions', `.${version}-${randomUUID()}`);
  try {
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    for (const part of parts) {
      if (!(await exists(path.join(source, part)))) continue;
      await cp(path.join(source, part), path.join(temporary, part), { recursive: true });
    }
    await rename(temporary, target);
  } catch (error) {
    if (!(await exists(serverEntry(target)))) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

/** Removes copies beyond the newest few; the one in use is always kept. */
export async function removeOldVersions(folder: string, inUse: string): Promise<void> {
  const versions = path.join(folder, 'versions');
  const names = (await readdir(versions)).filter((name) => !name.startsWith('.'));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(path.join(versions, name))).mtimeMs })),
  );
  const old = aged.sort((a, b) => b.at - a.at).slice(keptVersions);
  for (const { name } of old) {
    if (name !== inUse) await rm(path.join(versions, name), { recursive: true, force: true });
  }
}

/** Writes `DIR/bin/slipway`, the command as people and scripts call it. */
export async function writeLauncher(folder: string, node: string, copy: string): Promise<string> {
  const file = path.join(folder, 'bin', 'slipway');
  const lines = [
    '#!/bin/sh',
    '# Written by the Slipway extension: runs the command with the Node that the control plane runs on.',
    `ELECTRON_RUN_AS_NODE=1 exec ${quote(node)} --no-warnings=ExperimentalWarning ${quote(serverEntry(copy))} "$@"`,
  ];
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, `${lines.join('\n')}\n`);
  await chmod(temporary, 0o755);
  await rename(temporary, file);
  return file;
}

/** Tells two builds of one version apart, while the extension is being developed. */
export async function buildDigest(source: string): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['dist/server', 'dist/webview']) {
    const files = await readdir(path.join(source, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    const paths = files.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    for (const file of paths.sort()) hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
