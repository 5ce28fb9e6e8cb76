// The suites of `npm test`, in the order in which they run: what they execute, what they need, how long they may take.

import { statSync } from 'node:fs';
import path from 'node:path';
import { out, root } from './process.ts';
import { prepareCluster } from './setup/cluster.ts';
import { prepareEditor } from './setup/editor.ts';
import { prepareMinio } from './setup/minio.ts';
import { prepareOnnx, preparePython } from './setup/python.ts';

/** Each need is prepared once, before the first suite that has it, and gives environment variables. */
export const needs = {
  ...{ python: preparePython, onnx: prepareOnnx, editor: prepareEditor },
  ...{ minio: prepareMinio, cluster: prepareCluster },
};

/** A check counts as one test: a command that must exit 0, or a function that returns what is wrong. */
export type Check = { title: string } & ({ argv: string[] } | { verify: () => string | undefined });

export interface Suite {
  name: string;
  limitMinutes: number;
  /** Runs only when it is named by --only. */
  onRequest?: boolean;
  needs: (keyof typeof needs)[];
  /** Checks, or a command that writes the counts of its tests to the file in SLIPWAY_TEST_RESULT. */
  work: { checks: Check[] } | { tests: string[] };
}

export const vsix = path.join(out, 'slipway.vsix');
const vsixLimitBytes = 5_000_000;

export const suites: Suite[] = [
  {
    name: 'format',
    limitMinutes: 2,
    needs: [],
    work: { checks: [{ title: 'format and lint', argv: ['biome', 'ci', '--colors=off'] }] },
  },
  { name: 'types', limitMinutes: 5, needs: [], work: { checks: [{ title: 'types', argv: ['tsc', '-b'] }] } },
  { name: 'unit', limitMinutes: 10, needs: [], work: { tests: mocha('test/unit/**/*.test.ts') } },
  {
    name: 'build',
    limitMinutes: 5,
    needs: [],
    work: {
      checks: [
        { title: 'bundles', argv: ['node', 'esbuild.ts'] },
        {
          title: 'package',
          argv: [
            'vsce',
            'package',
            '--no-dependencies',
            '--allow-missing-repository',
            '--no-rewrite-relative-links',
            '--out',
            vsix,
          ],
        },
        { title: 'size of the package', verify: packageIsSmall },
      ],
    },
  },
  {
    name: 'integration',
    limitMinutes: 20,
    needs: ['python', 'onnx', 'editor', 'minio'],
    work: { tests: mocha('test/integration/**/*.test.ts', '--timeout', '120000') },
  },
  {
    name: 'extension',
    limitMinutes: 10,
    needs: ['python', 'editor'],
    work: { tests: ['node', 'test/vscode/harness/main.ts'] },
  },
  {
    name: 'ui',
    limitMinutes: 15,
    needs: ['python', 'editor'],
    // A person's hand in a real editor meets what moves under it: once more is allowed, and told.
    work: { tests: mocha('test/ui/**/*.test.ts', '--timeout', '180000', '--retries', '1') },
  },
  {
    name: 'cluster',
    limitMinutes: 30,
    onRequest: true,
    needs: ['cluster'],
    work: { tests: mocha('test/cluster/suite/**/*.test.ts', '--timeout', '180000') },
  },
];

function mocha(pattern: string, ...options: string[]): string[] {
  // Mocha itself expands the pattern; an empty folder is an error there and a failed suite here.
  return ['mocha', '--reporter', path.join(import.meta.dirname, 'reporter.ts'), ...options, pattern];
}

function packageIsSmall(): string | undefined {
  const bytes = statSync(vsix).size;
  console.log(`${path.relative(root, vsix)}: ${(bytes / 1e6).toFixed(2)} MB`);
  return bytes < vsixLimitBytes ? undefined : `the VSIX has ${bytes} bytes, the limit is ${vsixLimitBytes}`;
}
