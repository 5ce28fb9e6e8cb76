import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../../../server/engine/context.ts';
import { RunMetrics, type Traced } from '../../../server/engine/follow.ts';
import { LiveFigures } from '../../../server/engine/live.ts';
import { seriesMessages, tagMessages } from '../../../server/engine/seriesStream.ts';
import type { TagSummary } from '../../../server/protocol/metrics.ts';
import { eventFile, scalarEvent } from '../metrics/eventWriter.ts';

describe('series as they grow', () => {
  let folder: string;
  let file: string;
  let abort: AbortController;
  let metrics: RunMetrics;
  const run: Traced = { status: 'running', spec: { id: 'r1' } };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-stream-'));
    mkdirSync(join(folder, 'r1', 'logs'), { recursive: true });
    file = join(folder, 'r1', 'logs', 'events.out.tfevents.1');
    abort = new AbortController();
    const context = { folders: { runs: folder }, signal: abort.signal, now: Date.now, log: () => {} };
    metrics = new RunMetrics(context as unknown as Context, new LiveFigures());
  });
  afterEach(async () => {
    abort.abort();
    await rm(folder, { recursive: true });
  });

  const points = (from: number, to: number, tag = 'loss') =>
    eventFile(...Array.from({ length: to - from }, (_, i) => scalarEvent(tag, from + i, Math.sin(from + i))));
  const stream = async (buckets: number) => {
    const followed = await metrics.of(run);
    return seriesMessages(
      new Map([['r1', followed]]),
      [{ run: 'r1', tag: 'loss' }],
      { buckets, points: 'shown' },
      abort.signal,
    );
  };
  /** Takes messages until the total is reached; what a reader then holds. */
  async function until(
    messages: Awaited<ReturnType<typeof stream>>,
    held: number[],
    total: number,
  ): Promise<boolean[]> {
    const resets: boolean[] = [];
    for (;;) {
      const { value, done } = await messages.next();
      if (done) assert.fail('it ended');
      resets.push(value.reset);
      if (value.reset) held.length = 0;
      held.push(...value.series.steps);
      if (value.series.total >= total) return resets;
    }
  }

  it('come as a whole first, then point by point', async () => {
    writeFileSync(file, points(0, 5));
    const messages = await stream(100);
    const held: number[] = [];
    assert.deepEqual(await until(messages, held, 5), [true]);
    appendFileSync(file, points(5, 7));
    assert.ok((await until(messages, held, 7)).every((reset) => !reset));
    assert.deepEqual(held, [0, 1, 2, 3, 4, 5, 6]);
  });

  it('come anew when points went out of view because steps went back', async () => {
    writeFileSync(file, points(0, 5));
    const messages = await stream(100);
    const held: number[] = [];
    await until(messages, held, 5);
    appendFileSync(file, points(2, 4));
    assert.equal((await until(messages, held, 7)).at(-1), true);
    assert.deepEqual(held, [0, 1, 2, 3]);
  });

  it('come thinned to a reader that was slow, and to one that holds too many', async () => {
    writeFileSync(file, points(0, 10));
    const messages = await stream(20);
    const held: number[] = [];
    await until(messages, held, 10);
    appendFileSync(file, points(10, 5000));
    const followed = await metrics.of(run);
    while (followed.series.get('loss')!.count < 5000) await new Promise((resolve) => setTimeout(resolve, 5));
    const resets = await until(messages, held, 5000);
    assert.equal(resets.at(-1), true);
    assert.ok(held.length <= 42, `${held.length} points`);
    assert.equal(held.at(-1), 4999);
    for (let n = 5000; n < 5200; n += 10) {
      appendFileSync(file, points(n, n + 10));
      await until(messages, held, n + 10);
      assert.ok(held.length <= 8 * 20, `${held.length} points`);
    }
  });

  it('come anew when the file was cut, of another generation, and end with the run', async () => {
    writeFileSync(file, points(0, 5));
    const messages = await stream(100);
    const first = (await messages.next()).value!;
    writeFileSync(file, points(0, 2));
    const second = (await messages.next()).value!;
    assert.deepEqual([second.reset, second.series.steps], [true, [0, 1]]);
    assert.notEqual(second.series.generation, first.series.generation);
    await metrics.finish('r1');
    const last = (await messages.next()).value!;
    assert.equal(last.ended, true);
    assert.equal((await messages.next()).done, true);
  });

  it('are listed by their tags, those that changed', async () => {
    writeFileSync(file, Buffer.concat([points(0, 2, 'a'), points(0, 3, 'b')]));
    const messages = tagMessages(await metrics.of(run), abort.signal);
    const told = async () =>
      ((await messages.next()).value as { tags: TagSummary[] }).tags.map(({ tag, points: count }) => [tag, count]);
    assert.deepEqual(await told(), [
      ['a', 2],
      ['b', 3],
    ]);
    appendFileSync(file, points(3, 4, 'b'));
    assert.deepEqual(await told(), [['b', 4]]);
  });
});
