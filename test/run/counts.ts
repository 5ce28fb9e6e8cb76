// What a suite reports: how many tests passed, failed and were skipped, and which.

import { existsSync, readFileSync } from 'node:fs';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** One line for each test that did not pass. */
  problems: string[];
}

export function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    problems: [...a.problems, ...b.problems],
  };
}

export function failure(problem: string): Counts {
  return { passed: 0, failed: 1, skipped: 0, problems: [`failed: ${problem}`] };
}

/** What the run must be judged by: with `strict`, a skipped test counts as failed. */
export function judged(counts: Counts, strict: boolean): Counts {
  if (!strict) return counts;
  return { ...counts, failed: counts.failed + counts.skipped, skipped: 0 };
}

/** The counts that a test process left in `file`, or undefined if it did not come to its end. */
export function readCounts(file: string): Counts | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Counts) : undefined;
}

/** The last line of a run. */
export function summaryLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
}
