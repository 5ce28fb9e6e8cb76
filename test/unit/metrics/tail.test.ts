import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { type Tail, type TailDelivery, tailLogdir } from '../../../server/metrics/tail.ts';
import type { RunCursor } from '../../../server/metrics/tailRun.ts';
import {
  bytesField,
  eventFile,
  floatField,
  pluginMetadata,
  scalarEvent,
  summaryEvent,
  varintField,
  versionEvent,
} from './eventWriter.ts';

/** A consumer as the server has one: points and cursors stored together, by run. */
class Consumer {
  readonly values = new Map<string, number[]>();
  readonly cursors: Record<string, RunCursor> = {};
  readonly deliveries: TailDelivery[] = [];
  private wake = () => {};

  readonly onDelivery = (delivery: TailDelivery) => {
    this.deliveries.push(delivery);
    if (delivery.isReset)
      for (const key of this.values.keys()) if (key.startsWith(`${delivery.run}:`)) this.values.delete(key);
    for (const { tag, values } of delivery.scalars) {
      const key = `${delivery.run}:${tag}`;
      this.values.set(key, [...(this.values.get(key) ?? []), ...values]);
    }
    this.cursors[delivery.run] = structuredClone(delivery.cursor);
    this.wake();
  };

  get problems() {
    return this.deliveries.flatMap(({ problems }) => problems);
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((wake) => (this.wake = wake));
  }

  /** Waits until a tag has this many points, and gives their values. */
  async points(key: string, count: number): Promise<number[]> {
    await this.until(() => (this.values.get(key)?.length ?? 0) >= count);
    return this.values.get(key)!;
  }
}

describe('tailLogdir', () => {
  let logdir: string;
  let consumer: Consumer;
  let abort: AbortController;
  let tails: Tail[];
  beforeEach(() => {
    logdir = mkdtempSync(path.join(os.tmpdir(), 'slipway-tail-'));
    consumer = new Consumer();
    abort = new AbortController();
    tails = [];
  });
  afterEach(async () => {
    abort.abort();
    await Promise.all(tails.map((tail) => tail.done));
    rmSync(logdir, { recursive: true, force: true });
  });

  const NAME = 'events.out.tfevents.1';
  const at = (file: string) => path.join(logdir, file);
  const append = (file: string, bytes: Buffer) => {
    mkdirSync(path.dirname(at(file)), { recursive: true });
    appendFileSync(at(file), bytes);
  };
  const loss = (...values: number[]) => eventFile(...values.map((value) => scalarEvent('loss', value, value)));
  /** `rescanMs` is an hour where file system events must do, a moment where they are not there. */
  const start = (rescanMs = 3_600_000, cursors?: Record<string, RunCursor>) => {
    const tail = tailLogdir(logdir, { signal: abort.signal, onDelivery: consumer.onDelivery, rescanMs, cursors });
    tails.push(tail);
    return tail;
  };

  it('delivers what is there, then what is appended, in order', async () => {
    append(NAME, eventFile(versionEvent()));
    append(NAME, loss(1, 2));
    const tail = start();
    await tail.caughtUp;
    assert.deepEqual(consumer.values.get('.:loss'), [1, 2]);
    assert.equal(consumer.deliveries[0]?.scalars.length, 1);
    for (let value = 3; value < 50; value++) append(NAME, loss(value));
    assert.deepEqual(
      await consumer.points('.:loss', 49),
      Array.from({ length: 49 }, (_, i) => i + 1),
    );
  });

  it('finds new folders and files, however deep', async () => {
    await start().caughtUp;
    append(`a/b/c/${NAME}`, loss(1));
    await consumer.points('a/b/c:loss', 1);
    append('a/b/c/events.out.tfevents.2', loss(2));
    assert.deepEqual(await consumer.points('a/b/c:loss', 2), [1, 2]);
    append(`a/b/d/${NAME}`, loss(3));
    await consumer.points('a/b/d:loss', 1);
  });

  it('finds everything by looking again where there are no events, the log folder itself too', async () => {
    const folder = at('later');
    const tail = tailLogdir(folder, { signal: abort.signal, onDelivery: consumer.onDelivery, rescanMs: 10 });
    tails.push(tail);
    await tail.caughtUp;
    append(`later/${NAME}`, loss(1));
    await consumer.points('.:loss', 1);
    rmSync(folder, { recursive: true });
    append(`later/x/${NAME}`, loss(2));
    await consumer.points('x:loss', 1);
  });

  it('keeps quiet about an incomplete last record until it is whole', async () => {
    const bytes = loss(1, 2);
    const tail = start();
    await tail.caughtUp;
    for (const byte of bytes) append(NAME, Buffer.from([byte]));
    assert.deepEqual(await consumer.points('.:loss', 2), [1, 2]);
    assert.deepEqual(consumer.problems, []);
  });

  it('takes zeros at the end for bytes that are not written yet', async () => {
    writeFileSync(at(NAME), Buffer.concat([loss(1), Buffer.alloc(200)]));
    await start().caughtUp;
    writeFileSync(at(NAME), loss(1, 2, 3));
    assert.deepEqual(await consumer.points('.:loss', 3), [1, 2, 3]);
    assert.deepEqual(consumer.problems, []);
  });

  it('takes a bad last record for one that is not written yet', async () => {
    const unfinished = loss(1, 2);
    unfinished.fill(0, unfinished.length - 6);
    writeFileSync(at(NAME), unfinished);
    await start().caughtUp;
    writeFileSync(at(NAME), loss(1, 2, 3));
    assert.deepEqual(await consumer.points('.:loss', 3), [1, 2, 3]);
    assert.deepEqual(consumer.problems, []);
  });

  it('reports damage and goes on behind it', async () => {
    const damaged = loss(2);
    damaged[damaged.length - 6]! ^= 1;
    append(NAME, Buffer.concat([loss(1), damaged, loss(3)]));
    const tail = start();
    assert.deepEqual(await consumer.points('.:loss', 2), [1, 3]);
    await tail.finish();
    assert.deepEqual(
      consumer.problems.map(({ file, offset }) => ({ file, offset })),
      [{ file: NAME, offset: loss(1).length }],
    );
  });

  it('delivers the rest when the writers have ended, with a problem for a cut record', async () => {
    const tail = start();
    append(`run/${NAME}`, Buffer.concat([loss(1, 2), loss(3).subarray(0, 20)]));
    await tail.finish();
    assert.deepEqual(consumer.values.get('run:loss'), [1, 2]);
    assert.equal(consumer.problems[0]?.offset, loss(1, 2).length);
    append(`run/${NAME}`, loss(3).subarray(20));
    assert.deepEqual(consumer.values.get('run:loss'), [1, 2]);
  });

  it('starts a run over when one of its files is cut or replaced', async () => {
    append(`r/${NAME}`, loss(1, 2, 3));
    append('r/events.out.tfevents.2', loss(4));
    append(`s/${NAME}`, loss(9));
    await start().caughtUp;
    truncateSync(at(`r/${NAME}`), loss(1).length);
    await consumer.until(() => consumer.deliveries.some(({ isReset }) => isReset));
    assert.deepEqual(await consumer.points('r:loss', 2), [1, 4]);
    writeFileSync(at(`r/${NAME}`), loss(5, 6, 7));
    await consumer.until(() => consumer.values.get('r:loss')?.includes(7) === true);
    assert.deepEqual((await consumer.points('r:loss', 4)).toSorted(), [4, 5, 6, 7]);
    assert.deepEqual(consumer.values.get('s:loss'), [9]);
  });

  it('goes on in a file that was renamed, and keeps the points of one that was removed', async () => {
    append(NAME, loss(1, 2));
    append('other.tfevents', loss(8));
    await start().caughtUp;
    renameSync(at(NAME), at(`${NAME}.old`));
    append(`${NAME}.old`, loss(3));
    append(NAME, loss(4));
    await consumer.points('.:loss', 5);
    unlinkSync(at('other.tfevents'));
    append('new.tfevents', loss(5, 6));
    assert.deepEqual((await consumer.points('.:loss', 7)).toSorted(), [1, 2, 3, 4, 5, 6, 8]);
  });

  it('continues from its cursors after a restart at any moment, with nothing lost or doubled', async () => {
    const bytes = loss(...Array.from({ length: 40 }, (_, i) => i));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 6 }), async (cuts) => {
        rmSync(at('run'), { recursive: true, force: true });
        const values: number[] = [];
        let cursors: Record<string, RunCursor> = {};
        let written = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
          append(`run/${NAME}`, bytes.subarray(written, cut));
          written = cut;
          const stop = new AbortController();
          const tail = tailLogdir(logdir, {
            signal: stop.signal,
            cursors,
            onDelivery: ({ run, scalars, cursor }) => {
              for (const batch of scalars) values.push(...batch.values);
              cursors = JSON.parse(JSON.stringify({ [run]: cursor }));
            },
          });
          await tail.caughtUp;
          stop.abort();
          await tail.done;
        }
        assert.deepEqual(
          values,
          Array.from({ length: 40 }, (_, i) => i),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('remembers in the cursor which tensors are scalars', async () => {
    const tensor = Buffer.concat([
      bytesField(1, 'loss'),
      bytesField(8, Buffer.concat([varintField(1, 1), floatField(5, 2)])),
    ]);
    append(NAME, eventFile(summaryEvent(0, 0, Buffer.concat([tensor, pluginMetadata('scalars')]))));
    await start().caughtUp;
    const restarted = new Consumer();
    append(NAME, eventFile(summaryEvent(1, 0, tensor)));
    const tail = tailLogdir(logdir, {
      signal: abort.signal,
      onDelivery: restarted.onDelivery,
      cursors: JSON.parse(JSON.stringify(consumer.cursors)),
    });
    tails.push(tail);
    await tail.caughtUp;
    assert.deepEqual(restarted.values.get('.:loss'), [2]);
  });

  it('says where values that are no scalars stand', async () => {
    const image = Buffer.concat([bytesField(1, 'img'), bytesField(4, 'png')]);
    const text = Buffer.concat([bytesField(1, 'note'), bytesField(8, varintField(1, 7)), pluginMetadata('text')]);
    append(`r/${NAME}`, Buffer.concat([loss(1), eventFile(summaryEvent(3, 5, image, text))]));
    await start().caughtUp;
    const place = { step: 3, wallTime: 5, file: `r/${NAME}`, offset: loss(1).length };
    assert.deepEqual(
      consumer.deliveries.flatMap(({ blobs }) => blobs),
      [
        { tag: 'img', kind: 'images', ...place },
        { tag: 'note', kind: 'text', ...place },
      ],
    );
  });

  it('waits for a slow consumer, and ends with the error of one that fails', async () => {
    append(NAME, loss(...Array.from({ length: 60_000 }, (_, i) => i)));
    let running = 0;
    let most = 0;
    const slow = tailLogdir(logdir, {
      signal: abort.signal,
      onDelivery: async () => {
        most = Math.max(most, ++running);
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve));
        running--;
      },
    });
    await slow.finish();
    assert.equal(most, 1);
    const failing = tailLogdir(logdir, {
      signal: abort.signal,
      onDelivery: () => {
        throw new Error('database is locked');
      },
    });
    await assert.rejects(failing.done, /database is locked/);
  });
});
