import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectPath } from './layout.ts';

/**
 * Other stores, whose objects count as this store's: the caches of DVC repositories, where datasets in them keep their
 * bytes. A text file of one folder a line beside the objects, as git's `objects/info/alternates`.
 */
const FILE = 'alternates';

const known = new Map<string, string[]>();

/** Remembers another store; it is looked into from now on. */
export function addAlternate(root: string, other: string): void {
  if (root === other || alternatesOf(root).includes(other)) return;
  const all = [...readAlternates(root), other];
  mkdirSync(root, { recursive: true });
  const temporary = join(root, `.${FILE}-${process.pid}`);
  writeFileSync(temporary, all.map((each) => `${each}\n`).join(''));
  renameSync(temporary, join(root, FILE));
  known.set(root, all);
}

/** Where an object lies: in the store itself, or in an alternate that has it; where it would lie if none has. */
export function findObject(root: string, digest: string): string {
  const own = objectPath(root, digest);
  const alternates = alternatesOf(root);
  if (alternates.length === 0 || existsSync(own)) return own;
  const elsewhere = alternates.map((each) => objectPath(each, digest)).find((path) => existsSync(path));
  return elsewhere ?? own;
}

function alternatesOf(root: string): string[] {
  let found = known.get(root);
  if (found === undefined) {
    found = readAlternates(root);
    known.set(root, found);
  }
  return found;
}

function readAlternates(root: string): string[] {
  try {
    return readFileSync(join(root, FILE), 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
