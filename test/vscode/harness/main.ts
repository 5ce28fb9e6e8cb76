// The API suite inside the real extension host, in code-server and a headless Chromium: VS Code's smoke-test driver
// loads the extension from its folder and runs the bundle in the extension host.
//
//   node test/vscode/harness/main.ts [--extension DIR] [--suite GLOB] [--folder DIR]

import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { out, root } from '../../run/process.ts';
import { bundleSuite } from './bundle.ts';
import { launchChromium } from './chromium.ts';
import { startCodeServer } from './codeServer.ts';
import { followFile } from './followFile.ts';

const { values } = parseArgs({
  options: {
    extension: { type: 'string', default: root },
    suite: { type: 'string', default: 'test/vscode/suite/**/*.test.ts' },
    folder: { type: 'string' },
  },
});

const work = path.join(out, 'test/vscode');
const folder = path.resolve(values.folder ?? path.join(work, 'workspace'));
const output = path.join(work, 'output.log');
/** What the editor and its extension host print; long and full of noise, so not shown. */
const consoleLog = path.join(work, 'console.log');

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(143));
if (!values.folder) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const bundle = await bundleSuite(values.suite);
for (const file of [output, consoleLog]) writeFileSync(file, '');
const server = await startCodeServer({
  folder: path.join(work, 'code-server'),
  smokeTestDriver: true,
  env: { SLIPWAY_TEST_OUTPUT: output, SLIPWAY_TEST_RESULT: process.env['SLIPWAY_TEST_RESULT'] },
});
const stopFollowing = followFile(output, (text) => process.stdout.write(text));
const browser = await launchChromium();
try {
  const page = await browser.newPage();
  const exited = new Promise<number>((resolve) => void page.exposeFunction('codeAutomationExit', resolve));
  await page.exposeFunction('codeAutomationLog', (type: string, parts: unknown[]) => {
    appendFileSync(consoleLog, `[${type}] ${parts.join(' ')}\n`);
  });
  const remote = `vscode-remote://localhost:${server.port}`;
  const payload = [
    ['extensionDevelopmentPath', `${remote}${path.resolve(values.extension)}`],
    ['extensionTestsPath', `${remote}${bundle}`],
    ['skipWelcome', 'true'],
  ];
  const query = `folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
  await page.goto(`${server.url}/?${query}`);
  process.exitCode = await exited;
  if (process.exitCode !== 0) console.log(`The editor's own log: ${consoleLog}`);
} finally {
  await browser.close();
  await server.stop();
  stopFollowing();
}
