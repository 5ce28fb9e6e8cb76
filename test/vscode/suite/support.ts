// What the tests inside the extension host share: the extension's own services, and waiting for conditions.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { Container } from '../../../extension/container.ts';
import type { Services } from '../../../extension/services.ts';
import type { Row } from '../../../extension/views/row.ts';

const waitMs = 50_000;

/** The activated extension's services. */
export async function activated(): Promise<Services> {
  return (await container()).services;
}

/** All of the activated extension, which it opens to tests. */
export async function container(): Promise<Container> {
  const extension = vscode.extensions.getExtension<{ container(): Promise<Container> }>('slipway.slipway');
  assert.ok(extension, 'the extension is not installed');
  return (await extension.activate()).container();
}

/** Waits until `look` gives something. */
export async function waitFor<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) assert.fail(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A new folder with these files. */
export async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-test-'));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return folder;
}

/** All rows of a tree down to a depth, as `label  description`. */
export async function linesOf(rows: Row[], depth = 9): Promise<string[]> {
  const lines: string[] = [];
  for (const row of rows) {
    lines.push(`${row.label}  ${row.description ?? ''}`.trim());
    if (row.children && depth > 0) lines.push(...(await linesOf(await row.children(), depth - 1)));
  }
  return lines;
}
