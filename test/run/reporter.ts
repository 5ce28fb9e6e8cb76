// Mocha reporter of the test command: mocha's own `spec` output, and the counts in the file that
// SLIPWAY_TEST_RESULT names, which is written only when the run came to its end.

import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { Counts } from './counts.ts';

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const counts: Counts = { passed: 0, failed: 0, skipped: 0, problems: [] };
    runner.on('pass', () => {
      counts.passed++;
    });
    runner.on('pending', (test) => {
      counts.skipped++;
      counts.problems.push(`skipped: ${test.fullTitle()}`);
    });
    runner.on('fail', (test) => {
      counts.failed++;
      counts.problems.push(`failed: ${test.fullTitle()}`);
    });
    runner.on('end', () => {
      const file = process.env['SLIPWAY_TEST_RESULT'];
      if (file) writeFileSync(file, JSON.stringify(counts));
    });
  }
}
