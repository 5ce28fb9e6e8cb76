// Holds the dependency rule of the design over the import lines of every source file. The checker is a function over
// path → source, so that each rule is also shown to fail on a small tree of its own.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

type Tree = Record<string, string>;

const leaves = ['server/store', 'server/objects', 'server/runtimes', 'server/metrics'];

/** What a folder may import besides itself; a folder that is not here is a violation. Only `cli` may import `api`. */
const mayImport: Record<string, string[]> = {
  'server/protocol': [],
  'server/domain': ['server/protocol'],
  ...Object.fromEntries(leaves.map((leaf) => [leaf, ['server/protocol']])),
  'server/serving': ['server/protocol', 'server/domain'],
  'server/engine': ['server/protocol', 'server/domain', ...leaves],
  'server/api': ['server/protocol', 'server/domain', 'server/engine'],
  'server/cli': [
    ...['server/protocol', 'server/domain', 'server/engine', 'server/serving', 'server/api'],
    ...leaves, // the composition root
  ],
  extension: ['server/protocol'],
  'webview-ui': ['server/protocol'],
};

/** Modules of the platform that a folder may import; all of them where nothing stands here. */
const mayImportOfPlatform: Record<string, string[]> = {
  'server/protocol': [],
  'server/domain': ['node:crypto'], // for digests
  'webview-ui': [],
};

const clocksAndDice =
  /\bDate\.now\(|\bnew Date\(\s*\)|\bperformance\.now\(|\bMath\.random\(|\brandom(UUID|Bytes|Int)\b/;

/** Every broken rule as one line that starts with the file's path. */
function violations(tree: Tree): string[] {
  const found: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [file, source] of Object.entries(tree)) {
    const code = withoutComments(source);
    const area = areaOf(file);
    const allowed = mayImport[area];
    if (!allowed) found.push(`${file}: the folder ${area} is not in the dependency rule`);
    edges.set(file, []);
    for (const specifier of importsOf(code)) {
      const problem = judge(file, area, allowed ?? [], specifier);
      if (problem) found.push(`${file}: ${problem}`);
      const target = resolve(tree, file, specifier);
      if (target) edges.get(file)!.push(target);
    }
    const impure = area === 'server/domain' && clocksAndDice.exec(code);
    if (impure) found.push(`${file}: domain code is pure, but uses ${impure[0]}`);
  }
  return [...found, ...cycles(edges)];
}

function judge(file: string, area: string, allowed: string[], specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    const target = areaOf(path.posix.join(path.posix.dirname(file), specifier));
    return target === area || allowed.includes(target) ? undefined : `${area} must not import ${target} (${specifier})`;
  }
  const platform = mayImportOfPlatform[area];
  if (specifier.startsWith('node:') && platform && !platform.includes(specifier)) {
    return `${area} must not import ${specifier}`;
  }
  if (specifier === 'vscode' && area !== 'extension') return 'only extension/ imports vscode';
  if (/^@vscode\/webview-ui-toolkit(\/|$)/.test(specifier) && !file.startsWith('webview-ui/components/')) {
    return 'only webview-ui/components/ imports @vscode/webview-ui-toolkit';
  }
  return undefined;
}

/** `server/<folder>` or the top folder of a path. */
function areaOf(file: string): string {
  const [top = '', next = ''] = file.split('/');
  return top === 'server' ? `${top}/${next}` : top;
}

/** Specifiers of static, type-only, re-exporting, side-effect and dynamic imports and of require(). */
function importsOf(code: string): string[] {
  const patterns = [
    /^\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!));
}

/** Strings are matched too, so that a `//` or `/*` inside one does not begin a comment. */
function withoutComments(source: string): string {
  const token = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(token, (_, text: string | undefined) => text ?? ' ');
}

function resolve(tree: Tree, file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = path.posix.join(path.posix.dirname(file), specifier);
  return [target, `${target}.ts`, `${target}.tsx`, `${target}/index.ts`, `${target}/index.tsx`].find((name) =>
    Object.hasOwn(tree, name),
  );
}

/** One line for each cycle that a depth-first walk closes. */
function cycles(edges: Map<string, string[]>): string[] {
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const visit = (file: string) => {
    state.set(file, 'open');
    trail.push(file);
    for (const next of edges.get(file) ?? []) {
      if (state.get(next) === 'open') {
        found.push(`${next}: import cycle ${[...trail.slice(trail.indexOf(next)), next].join(' → ')}`);
      } else if (!state.has(next)) visit(next);
    }
    trail.pop();
    state.set(file, 'done');
  };
  for (const file of edges.keys()) if (!state.has(file)) visit(file);
  return found;
}

describe('architecture', () => {
  const broken: [rule: string, tree: Tree, expected: RegExp][] = [
    ['upwards', { 'server/domain/a.ts': "import { x } from '../engine/b.ts';" }, /must not import server\/engine/],
    ['upwards, type only', { 'server/domain/a.ts': "import type { X } from '../api/b.ts';" }, /import server\/api/],
    ['leaf to leaf', { 'server/store/a.ts': "export * from '../objects/b.ts';" }, /must not import server\/objects/],
    ['leaf to domain', { 'server/metrics/a.ts': "import '../domain/b.ts';" }, /must not import server\/domain/],
    ['engine to serving', { 'server/engine/a.ts': "import { g } from '../serving/b.ts';" }, /import server\/serving/],
    ['serving to engine', { 'server/serving/a.ts': "await import('../engine/b.ts');" }, /import server\/engine/],
    ['api past the engine', { 'server/api/a.ts': "import {\n  s,\n} from '../store/b.ts';" }, /import server\/store/],
    ['api from elsewhere', { 'server/engine/a.ts': "import { s } from '../api/b.ts';" }, /import server\/api/],
    [
      'extension to server',
      { 'extension/a.ts': "import { s } from '../server/engine/b.ts';" },
      /import server\/engine/,
    ],
    ['extension to pages', { 'extension/a.ts': "import { s } from '../webview-ui/b.ts';" }, /import webview-ui/],
    ['pages to extension', { 'webview-ui/a.tsx': "import { s } from '../extension/b';" }, /import extension/],
    ['product to tests', { 'server/cli/a.ts': "import { s } from '../../test/b.ts';" }, /must not import test/],
    ['unknown folder', { 'server/utils/a.ts': '' }, /server\/utils is not in the dependency rule/],
    [
      'toolkit',
      { 'webview-ui/pages/a.tsx': "import { b } from '@vscode/webview-ui-toolkit';" },
      /only webview-ui\/comp/,
    ],
    ['vscode', { 'server/cli/a.ts': "import * as vscode from 'vscode';" }, /only extension\/ imports vscode/],
    ['platform in protocol', { 'server/protocol/a.ts': "import path from 'node:path';" }, /import node:path/],
    ['platform in domain', { 'server/domain/a.ts': "import fs from 'node:fs';" }, /must not import node:fs/],
    ['clock in domain', { 'server/domain/a.ts': 'const now = Date.now();' }, /uses Date\.now/],
    ['date in domain', { 'server/domain/a.ts': 'const now = new Date();' }, /uses new Date/],
    ['dice in domain', { 'server/domain/a.ts': 'const dice = Math.random();' }, /uses Math\.random/],
    [
      'cycle',
      {
        'extension/a.ts': "import './b';",
        'extension/b.ts': "export { c } from './c.ts';",
        'extension/c.ts': "import './a';",
      },
      /import cycle extension\/a\.ts → extension\/b\.ts → extension\/c\.ts → extension\/a\.ts/,
    ],
  ];
  for (const [rule, tree, expected] of broken) {
    it(`finds a broken rule: ${rule}`, () => {
      const found = violations(tree);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0]!, expected);
    });
  }

  it('finds nothing in a tree that keeps the rules', () => {
    const tree: Tree = {
      'server/protocol/a.ts': "import { z } from 'zod';",
      'server/domain/a.ts': "import { createHash } from 'node:crypto';\nimport type { A } from '../protocol/a.ts';",
      'server/store/a.ts': "import { DatabaseSync } from 'node:sqlite';",
      'server/engine/a.ts': "import '../store/a.ts';\nimport '../domain/a.ts';",
      'server/api/a.ts': "import '../engine/a.ts';",
      'server/cli/a.ts': "import '../api/a.ts';\nimport '../store/a.ts';",
      'extension/a.ts': "import * as vscode from 'vscode';\nimport '../server/protocol/a.ts';",
      'webview-ui/components/a.tsx': "import { b } from '@vscode/webview-ui-toolkit';",
      'webview-ui/b.ts':
        "const glob = '/*';\n// import '../extension/a.ts';\n/* import x from '../server/api/a.ts'; */",
    };
    assert.deepEqual(violations(tree), []);
  });

  it('finds nothing in this project', () => {
    const root = path.resolve(import.meta.dirname, '../..');
    const files = globSync('{server,extension,webview-ui}/**/*.{ts,tsx}', { cwd: root });
    assert.notEqual(files.length, 0);
    const tree = Object.fromEntries(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));
    assert.deepEqual(violations(tree), []);
  });
});
