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
    // A test that passed only when it was tried again is named, so that it is looked at.
    runner.on('retry', (test, error) => {
      counts.problems.push(`tried again: ${test.fullTitle()}: ${error.message.split('\n')[0]}`);
      console.log(`    ↻ ${test.title}: ${error.message}`);
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
