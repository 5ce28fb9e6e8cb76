// package.json, its translations and the code say the same.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { commandIds } from '../../../extension/commands/ids.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  contributes: {
    commands: { command: string; title: string }[];
    menus: Record<string, { command: string }[]>;
    views: Record<string, { id: string }[]>;
    viewsWelcome: { view: string }[];
  };
};
const placeholders = (text: string) => [...text.matchAll(/\{\d+\}|\$\([a-z-]+\)|command:[\w.]+/g)].map(String).sort();

describe('contributions', () => {
  it('package.json lists exactly the commands that the extension handles, in the same order', () => {
    assert.deepEqual(
      manifest.contributes.commands.map(({ command }) => command),
      [...commandIds],
    );
  });

  it('menus and welcome views name commands and views that exist', () => {
    const known = new Set<string>(commandIds);
    for (const { command } of Object.values(manifest.contributes.menus).flat()) assert.ok(known.has(command), command);
    const viewIds = Object.values(manifest.contributes.views)
      .flat()
      .map(({ id }) => id);
    for (const { view } of manifest.contributes.viewsWelcome) assert.ok(viewIds.includes(view), view);
    const linked = read('package.nls.json').matchAll(/command:(slipway\.\w+)/g);
    for (const [, command] of linked) assert.ok(known.has(command!), command);
  });

  it('every text of package.json exists in English and Korean, with the same links', () => {
    const english = JSON.parse(read('package.nls.json')) as Record<string, string>;
    const korean = JSON.parse(read('package.nls.ko.json')) as Record<string, string>;
    const used = [...read('package.json').matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key!);
    for (const key of used) assert.ok(english[key], key);
    assert.deepEqual(Object.keys(korean), Object.keys(english));
    for (const [key, text] of Object.entries(english)) assert.deepEqual(placeholders(korean[key]!), placeholders(text));
  });

  it('every text of the code has a Korean translation with the same placeholders, and none is left over', () => {
    const korean = JSON.parse(read('l10n/bundle.l10n.ko.json')) as Record<string, string>;
    const literal = /\bt\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g;
    const texts = new Set<string>();
    for (const file of globSync('extension/**/*.ts', { cwd: root })) {
      for (const [, single, double] of read(file).matchAll(literal)) {
        texts.add((single ?? double!).replace(/\\(.)/g, '$1'));
      }
    }
    assert.deepEqual(Object.keys(korean).sort(), [...texts].sort());
    for (const [english, text] of Object.entries(korean)) assert.deepEqual(placeholders(text), placeholders(english));
  });
});
