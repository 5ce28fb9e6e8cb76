// The same API suite in desktop VS Code: the one that VSCODE_PATH names, else one that test-electron downloads.
// For people who have a display and the internet; `npm test` runs the suite by main.ts.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTests } from '@vscode/test-electron';
import { out, root } from '../../run/process.ts';
import { bundleSuite } from './bundle.ts';

const vscodePath = process.env['VSCODE_PATH'];
if (vscodePath && !existsSync(vscodePath)) throw new Error(`VSCODE_PATH names ${vscodePath}, which does not exist.`);

const work = path.join(out, 'test/desktop');
const workspace = path.join(work, 'workspace');
rmSync(work, { recursive: true, force: true });
mkdirSync(workspace, { recursive: true });
const userData = mkdtempSync(path.join(tmpdir(), 'slipway-test-')); // short: VS Code puts a Unix socket there
try {
  await runTests({
    ...(vscodePath ? { vscodeExecutablePath: vscodePath } : { cachePath: path.join(work, 'vscode') }),
    extensionDevelopmentPath: root,
    extensionTestsPath: await bundleSuite('test/vscode/suite/**/*.test.ts'),
    launchArgs: [workspace, '--disable-workspace-trust', '--user-data-dir', userData, '--disable-extensions'],
  });
} finally {
  rmSync(userData, { recursive: true, force: true });
}
