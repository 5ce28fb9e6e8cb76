// Bundles the API suite into one file that VS Code's extension host loads as `extensionTestsPath`.

import { globSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { out, root } from '../../run/process.ts';

/**
 * Bundles all test files that `pattern` (relative to the project) matches.
 * @returns the path of the bundle, which exports `run()`
 */
export async function bundleSuite(pattern: string): Promise<string> {
  const files = globSync(pattern, { cwd: root }).sort();
  if (files.length === 0) throw new Error(`No test file matches ${pattern}`);
  const outfile = path.join(out, 'test/vscode/index.cjs');
  const requires = files.map((file) => `require(${JSON.stringify(path.resolve(root, file))});`);
  await build({
    stdin: {
      // The test files are loaded when mocha is ready for them, not when the bundle is.
      contents: `import { runSuite } from './host.ts';\nexport const run = () => runSuite(() => {\n${requires.join('\n')}\n});`,
      resolveDir: import.meta.dirname,
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    sourcemap: 'inline',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return outfile;
}
