import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RunState } from '../../../server/domain/run/run.ts';
import type { Context } from '../../../server/engine/context.ts';
import { logLines, searchLog } from '../../../server/engine/logLines.ts';

describe('a log by lines', () => {
  let folder: string;
  let file: string;
  const run = { spec: { id: 'r1' }, attempt: 1, status: 'running' } as RunState;
  const context = () => ({ folders: { workloads: folder } }) as Context;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-log-'));
    mkdirSync(path.join(folder, 'r1-1'));
    file = path.join(folder, 'r1-1', 'log');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const textsOf = async (from: number, limit: number) =>
    (await logLines(context(), run, from, limit)).lines.map(({ text }) => text);
  const search = (text: string, more = {}) =>
    searchLog(context(), run, { text, pattern: false, matchCase: false, from: 0, limit: 1000, ...more });

  it('gives any range of a hundred thousand, from the end too, with where each begins', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `step ${i}${i % 3 ? '' : ' 손실 ✓'}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    assert.equal((await logLines(context(), run, 0, 1)).total, 100_000);
    assert.deepEqual(await textsOf(98_765, 3), lines.slice(98_765, 98_768));
    assert.deepEqual(await textsOf(-2, 10), lines.slice(-2));
    assert.deepEqual(await textsOf(200_000, 10), []);
    const [line] = (await logLines(context(), run, 54_321, 1)).lines;
    assert.deepEqual(line, {
      line: 54_321,
      offset: Buffer.byteLength(`${lines.slice(0, 54_321).join('\n')}\n`),
      text: lines[54_321],
    });
  });

  it('counts the last line while it is written, and goes on in it', async () => {
    writeFileSync(file, 'one\ntwo');
    assert.deepEqual([(await logLines(context(), run, 0, 9)).total, await textsOf(0, 9)], [2, ['one', 'two']]);
    appendFileSync(file, '!\r\nthree\n');
    assert.deepEqual(await textsOf(0, 9), ['one', 'two!', 'three']);
  });

  it('cuts a line that is very long, and keeps count of those behind it', async () => {
    writeFileSync(file, `${'x'.repeat(5_000_000)}\nafter\n`);
    const { lines } = await logLines(context(), run, 0, 9);
    assert.deepEqual(
      lines.map(({ text, offset }) => [text.length, offset]),
      [
        [16_384, 0],
        [5, 5_000_001],
      ],
    );
  });

  it('is empty where the run has not begun', async () => {
    assert.deepEqual(await logLines(context(), run, 0, 9), { total: 0, bytes: 0, ended: false, lines: [] });
    assert.deepEqual(await search('x'), { matches: [], next: null, total: 0 });
  });

  it('finds text whatever its case, through colours, and patterns, page by page', async () => {
    writeFileSync(file, 'Loss 1\n\u001b[31mLo\u001b[0mss 2\nacc 3\nloss 4\n');
    const linesOf = async (...asked: Parameters<typeof search>) =>
      (await search(...asked)).matches.map(({ line }) => line);
    assert.deepEqual(await linesOf('loss'), [0, 1, 3]);
    assert.deepEqual(await linesOf('loss', { matchCase: true }), [3]);
    assert.deepEqual(await linesOf('^(loss|acc) [34]$', { pattern: true }), [2, 3]);
    const first = await search('loss', { limit: 2 });
    assert.deepEqual([first.matches.length, first.next], [2, 2]);
    assert.deepEqual(await linesOf('loss', { from: first.next! }), [3]);
  });

  it('refuses what is no pattern, or might take for ever', async () => {
    for (const text of ['(', '(a+)+$', '(x*){9}'])
      await assert.rejects(search(text, { pattern: true }), { code: 'log.badPattern' });
  });
});
