// The test command behind `npm test`: installs what the suites need where it may, runs them one after the other, each
// in a process group of its own, and ends with one line of counts. See suites.ts for what runs.
//
//   node test/run/main.ts [--only SUITE]... [--list] [--env]
//
// With CI set, a suite or a test that is skipped is a failure; elsewhere it is named with its reason.

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { add, type Counts, failure, judged, readCounts, summaryLine } from './counts.ts';
import { childEnvironment, endChildrenOnSignals, endLeftovers, out, run, seconds } from './process.ts';
import { Missing } from './setup/cache.ts';
import { type Check, needs, type Suite, suites } from './suites.ts';

const strict = ![undefined, '', 'false', '0'].includes(process.env['CI']);
const prepared = new Map<keyof typeof needs, Promise<NodeJS.ProcessEnv>>();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, list: { type: 'boolean' }, env: { type: 'boolean' } },
  });
  const names = suites.map((suite) => suite.name);
  if (values.list) {
    console.log(names.join('\n'));
    return 0;
  }
  const unknown = (values.only ?? []).filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`No suite is called ${unknown.join(', ')}. Suites: ${names.join(', ')}`);
    return 2;
  }
  endChildrenOnSignals();
  if (values.env) return printEnvironment();

  let total: Counts = { passed: 0, failed: 0, skipped: 0, problems: [] };
  const lines: string[] = [];
  for (const suite of suites.filter(({ name, onRequest }) => values.only?.includes(name) ?? !onRequest)) {
    console.log(`\n── ${suite.name} ${'─'.repeat(100 - suite.name.length)}`);
    const started = Date.now();
    const counts = judged(await runSuite(suite), strict);
    total = add(total, counts);
    lines.push(`${suite.name.padEnd(14)}${seconds(Date.now() - started).padStart(9)}   ${summaryLine(counts)}`);
    for (const problem of counts.problems) lines.push(`    ${problem}`);
  }
  console.log(`\n${lines.join('\n')}\n`);
  console.log(summaryLine(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

async function runSuite(suite: Suite): Promise<Counts> {
  const log = path.join(out, 'test', `${suite.name}.log`);
  rmSync(log, { force: true });
  let extra: NodeJS.ProcessEnv;
  try {
    extra = await environmentOf(suite);
  } catch (error) {
    if (!(error instanceof Missing)) return failure(`suite ${suite.name}: ${(error as Error).message}`);
    return { passed: 0, failed: 0, skipped: 1, problems: [`skipped: suite ${suite.name}: ${error.message}`] };
  }
  const deadline = Date.now() + suite.limitMinutes * 60_000;
  const counts =
    'tests' in suite.work
      ? await runTests(suite, suite.work.tests, extra, log, deadline)
      : await runChecks(suite.work.checks, extra, log, deadline);
  const leftovers = endLeftovers();
  if (leftovers.length > 0) console.log(`Ended what ${suite.name} left running:\n  ${leftovers.join('\n  ')}`);
  return counts;
}

async function runTests(
  suite: Suite,
  argv: string[],
  extra: NodeJS.ProcessEnv,
  log: string,
  deadline: number,
): Promise<Counts> {
  const result = path.join(out, 'test', `${suite.name}.json`);
  mkdirSync(path.dirname(result), { recursive: true });
  rmSync(result, { force: true });
  const env = childEnvironment({ ...extra, SLIPWAY_TEST_RESULT: result });
  const ended = await run({ argv, env, log, limitMs: deadline - Date.now() });
  const counts = readCounts(result);
  if (!counts) return failure(`suite ${suite.name} ${howItEnded(ended)} before its tests were done (${log})`);
  if (counts.passed + counts.failed + counts.skipped === 0) return failure(`suite ${suite.name} has no tests`);
  if (ended.status !== 0 && counts.failed === 0) {
    return add(counts, failure(`suite ${suite.name} ${howItEnded(ended)} though no test failed (${log})`));
  }
  return counts;
}

async function runChecks(checks: Check[], extra: NodeJS.ProcessEnv, log: string, deadline: number): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0, problems: [] };
  for (const check of checks) {
    const problem = await runCheck(check, extra, log, deadline);
    if (problem === undefined) {
      counts.passed++;
      console.log(`✔ ${check.title}`);
    } else {
      counts.failed++;
      counts.problems.push(`failed: ${check.title}: ${problem}`);
      break; // the following ones build on it
    }
  }
  return counts;
}

async function runCheck(check: Check, extra: NodeJS.ProcessEnv, log: string, deadline: number) {
  if ('verify' in check) return check.verify();
  const ended = await run({ argv: check.argv, env: childEnvironment(extra), log, limitMs: deadline - Date.now() });
  return ended.status === 0 ? undefined : `'${check.argv.join(' ')}' ${howItEnded(ended)}`;
}

function howItEnded(ended: { status: number | null; signal: string | null; timedOut: boolean }): string {
  if (ended.timedOut) return 'ran into its time limit';
  return ended.signal ? `was ended by ${ended.signal}` : `exited with status ${ended.status}`;
}

async function environmentOf(suite: Suite): Promise<NodeJS.ProcessEnv> {
  const all: NodeJS.ProcessEnv = {};
  for (const need of suite.needs) {
    const preparing = prepared.get(need) ?? needs[need]();
    prepared.set(need, preparing);
    Object.assign(all, await preparing);
  }
  return all;
}

/** For a person who runs one test file with mocha: `eval "$(node test/run/main.ts --env)"`. */
async function printEnvironment(): Promise<number> {
  const log = console.log;
  console.log = console.error; // progress must not be taken for a variable
  const usual = new Set(suites.filter(({ onRequest }) => !onRequest).flatMap((suite) => suite.needs));
  const all = Object.assign({}, ...(await Promise.all([...usual].map((need) => needs[need]()))));
  for (const [name, value] of Object.entries(all)) log(`export ${name}='${value}'`);
  return 0;
}

process.exitCode = await main();
