import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { dirManifest, sortByRelpath } from '../../../server/domain/dataset/manifest.ts';
import { findEntry, readEntries } from '../../../server/engine/manifestFile.ts';

describe('entries of a manifest file', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-manifest-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const md5Of = (i: number) => i.toString(16).padStart(32, '0');
  const written = (names: readonly string[]) => {
    const entries = names.map((relpath, i) => ({ relpath, md5: md5Of(i) }));
    const path = join(folder, 'manifest');
    writeFileSync(path, dirManifest(entries));
    return { path, entries: sortByRelpath(entries) };
  };
  async function allPages(path: string, prefix: string, limit: number) {
    const pages = [];
    for (let cursor: number | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
      const page = await readEntries(path, { prefix, cursor, limit });
      pages.push(...page.entries);
      cursor = page.next;
    }
    return pages;
  }

  it('are found by name among very many, and names that are not there are not', async () => {
    const names = Array.from({ length: 30_000 }, (_, i) => `${i % 100}/{"md5": "\\${i} 한국 ${i % 7 ? '' : '😀'}`);
    const { path, entries } = written(names);
    for (let at = 0; at < entries.length; at += 997)
      assert.deepEqual(await findEntry(path, entries[at]!.relpath), entries[at]);
    for (const name of ['', '0', '55/x', '\uFFFF', entries[0]!.relpath.slice(0, -1)])
      assert.equal(await findEntry(path, name), null);
    assert.deepEqual(await findEntry(path, entries.at(-1)!.relpath), entries.at(-1));
    assert.deepEqual(
      await allPages(path, '42/', 70),
      entries.filter(({ relpath }) => relpath.startsWith('42/')),
    );
  });

  it('come in pages that join to the whole, whatever the names', async () => {
    const part = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
      .filter((text) => !/^\.{1,2}$|[/\0]/.test(text) && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(part, { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 50 }),
        async (names, limit) => {
          const { path, entries } = written(names);
          assert.deepEqual(await allPages(path, '', limit), entries);
          for (const entry of entries) assert.deepEqual(await findEntry(path, entry.relpath), entry);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are found in a manifest of another form or order too', async () => {
    const path = join(folder, 'other');
    const entries = Array.from({ length: 3000 }, (_, i) => ({ relpath: `f${(i * 7919) % 3000}`, md5: md5Of(i) }));
    for (const text of [
      JSON.stringify(entries.map(({ relpath, md5 }) => ({ relpath, md5 }))),
      JSON.stringify(sortByRelpath(entries).map(({ relpath, md5 }) => ({ etag: 'x', md5, relpath }))),
    ]) {
      writeFileSync(path, text);
      assert.deepEqual(
        await findEntry(path, 'f17'),
        entries.find(({ relpath }) => relpath === 'f17'),
      );
      const pages = await allPages(path, 'f1', 100);
      assert.deepEqual(
        new Set(pages.map(({ relpath }) => relpath)),
        new Set(entries.map(({ relpath }) => relpath).filter((name) => name.startsWith('f1'))),
      );
    }
  });
});
