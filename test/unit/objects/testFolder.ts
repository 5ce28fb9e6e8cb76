import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ObjectStore } from '../../../server/objects/index.ts';

/** A folder that every test of the surrounding `describe` gets anew. */
export function testFolder(): { path: string; write(files: Record<string, string | Uint8Array>): void } {
  const folder = {
    path: '',
    write(files: Record<string, string | Uint8Array>) {
      for (const [name, content] of Object.entries(files)) {
        const path = join(folder.path, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, content);
      }
    },
  };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), 'slipway-objects-'));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}

/** All objects of a store. */
export async function listOf(store: ObjectStore): Promise<{ digest: string; bytes: number }[]> {
  const objects = [];
  for await (const object of store.list()) objects.push(object);
  return objects;
}
