// Runs inside VS Code's extension host: mocha over the bundled test files. Its counts go to the file that
// SLIPWAY_TEST_RESULT names, its output to the one in SLIPWAY_TEST_OUTPUT, which the harness shows.

import { appendFileSync } from 'node:fs';
import { format } from 'node:util';
import type Mocha from 'mocha';

/**
 * Runs the tests that `load` defines.
 * @throws when a test failed, which VS Code turns into a non-zero exit
 */
export async function runSuite(load: () => void): Promise<void> {
  process.setSourceMapsEnabled(true); // stack traces name the test files
  const output = process.env['SLIPWAY_TEST_OUTPUT'];
  const { default: MochaClass } = await import('mocha');
  if (output)
    MochaClass.reporters.Base.consoleLog = (...line: unknown[]) => appendFileSync(output, `${format(...line)}\n`);
  const { default: CountingReporter } = await import('../../run/reporter.ts');
  const mocha: Mocha = new MochaClass({
    ui: 'bdd',
    timeout: 60_000,
    color: false,
    forbidOnly: true,
    reporter: CountingReporter,
  });
  mocha.suite.emit('pre-require', globalThis, '', mocha); // defines describe, it, …
  load();
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
