import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunState, reduceRun } from '../../../server/domain/run/run.ts';
import type { Context } from '../../../server/engine/context.ts';
import { RunMetrics } from '../../../server/engine/follow.ts';
import { LiveFigures } from '../../../server/engine/live.ts';
import { allPoints } from '../../../server/engine/seriesStream.ts';
import type { MetricsPart } from '../../../server/engine/services.ts';
import { runSpec } from '../domain/run/specs.ts';
import { eventFile, scalarEvent } from '../metrics/eventWriter.ts';

describe('the metrics of a run that are followed', () => {
  let folder: string;
  let file: string;
  const ended = new AbortController();
  const opened: AbortController[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-follow-'));
    mkdirSync(join(folder, 'r1', 'logs'), { recursive: true });
    mkdirSync(join(folder, 'r1', 'work'));
    file = join(folder, 'r1', 'logs', 'events.out.tfevents.1');
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) one.abort();
    await rm(folder, { recursive: true });
  });
  after(() => ended.abort());

  const running = (): RunState => {
    const { state } = reduceRun(undefined, { type: 'created', at: 1, spec: runSpec({ objective }) });
    return { ...state, status: 'running' };
  };
  const objective = { metric: 'loss', goal: 'minimize' as const };

  function open() {
    const abort = new AbortController();
    opened.push(abort);
    const context = { folders: { runs: folder }, signal: abort.signal, now: Date.now, log: () => {} };
    const metrics = new RunMetrics(context as unknown as Context, new LiveFigures());
    return { metrics, signal: abort.signal };
  }
  const loss = (...values: number[]) => eventFile(...values.map((value, step) => scalarEvent('loss', step, value)));

  /** What a client has that takes parts as it is told: those from an index on replace what it had from there. */
  async function until(parts: AsyncGenerator<MetricsPart>, have: number[], wanted: number[]): Promise<number> {
    for (let count = 1; ; count++) {
      const { value, done } = await parts.next();
      if (done) assert.fail(`it ended with ${have.join()}`);
      have.splice(value.from, have.length, ...value.values.map(Number));
      if (have.join() === wanted.join()) return count;
    }
  }

  it('come first as a whole, then as they are written', async () => {
    writeFileSync(file, loss(3, 2));
    const { metrics, signal } = open();
    const parts = allPoints(metrics, running(), {}, signal);
    const have: number[] = [];
    assert.equal(await until(parts, have, [3, 2]), 1);
    appendFileSync(file, eventFile(scalarEvent('loss', 2, 1)));
    await until(parts, have, [3, 2, 1]);
  });

  it('begin after what the client has', async () => {
    writeFileSync(file, loss(3, 2, 1));
    const { metrics, signal } = open();
    const first = await allPoints(metrics, running(), { loss: 2 }, signal).next();
    assert.deepEqual([first.value!.from, first.value!.values], [2, [1]]);
  });

  it('are sent anew from their beginning when the file was cut, so that nothing of before stays', async () => {
    writeFileSync(file, loss(3, 2, 1));
    const { metrics, signal } = open();
    const run = running();
    const parts = allPoints(metrics, run, {}, signal);
    const have: number[] = [];
    await until(parts, have, [3, 2, 1]);
    // Shorter than before, as by a program that starts over in the same file.
    writeFileSync(file, loss(9, 8));
    await until(parts, have, [9, 8]);
    const followed = await metrics.of(run);
    const series = followed.series.get('loss')!;
    assert.deepEqual([series.count, [...series.slice(0).values]], [2, [9, 8]]);
  });

  it('tell each point of the objective once while the run runs', async () => {
    writeFileSync(file, loss(3, 2));
    const { metrics, signal } = open();
    const told: number[] = [];
    metrics.onObjective = (_, step, value) => told.push(step, value);
    const parts = allPoints(metrics, running(), {}, signal);
    const have: number[] = [];
    await until(parts, have, [3, 2]);
    appendFileSync(file, eventFile(scalarEvent('loss', 2, 1)));
    await until(parts, have, [3, 2, 1]);
    assert.deepEqual(told, [0, 3, 1, 2, 2, 1]);
  });
});
