import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { record as frame } from '../../../server/metrics/eventWriter.ts';
import { exportJson, exportScalars } from '../../../server/metrics/export.ts';
import {
  bytesField,
  doubleField,
  eventFile,
  floatField,
  pluginMetadata,
  record,
  recordHead,
  scalarEvent,
  scalarValue,
  summaryEvent,
  varintField,
  versionEvent,
} from './eventWriter.ts';

interface Exported {
  runs: { run: string; tags: Record<string, { steps: number[]; wallTimes: number[]; values: (number | string)[] }> }[];
  problems: { file: string; offset: number; message: string }[];
}

describe('exportScalars', () => {
  let logdir: string;
  beforeEach(() => {
    logdir = mkdtempSync(path.join(os.tmpdir(), 'slipway-export-'));
  });
  afterEach(() => rmSync(logdir, { recursive: true }));

  const NAME = 'events.out.tfevents.1.host';
  const put = (file: string, ...parts: Buffer[]) => {
    mkdirSync(path.dirname(path.join(logdir, file)), { recursive: true });
    writeFileSync(path.join(logdir, file), Buffer.concat(parts));
  };
  const exported = async (): Promise<Exported> => JSON.parse([...exportJson(await exportScalars(logdir))].join(''));
  const salvaged = async (): Promise<Exported> =>
    JSON.parse([...exportJson(await exportScalars(logdir, { salvage: true }))].join(''));
  /** What one file gives: the values of tag `loss`, and where the problems are. */
  const valuesOf = async (...parts: Buffer[]) => {
    put(NAME, ...parts);
    const { runs, problems } = await exported();
    return { values: runs[0]?.tags['loss']?.values ?? [], at: problems.map(({ offset }) => offset) };
  };

  it('gives every point in file order, with exact floats', async () => {
    put(NAME, eventFile(versionEvent(), scalarEvent('loss', 0, 0.1, 1700000000.25), scalarEvent('loss', 7, 0.25)));
    assert.deepEqual(await exported(), {
      runs: [
        {
          run: '.',
          tags: {
            loss: { steps: [0, 7], wallTimes: [1700000000.25, 1700000000.5], values: [Math.fround(0.1), 0.25] },
          },
        },
      ],
      problems: [],
    });
  });

  it('names runs by their folder and keeps all files of a folder, in name order', async () => {
    put('b/c/x.tfevents.2', eventFile(scalarEvent('loss', 5, 3)));
    put('b/c/x.tfevents.1', eventFile(scalarEvent('loss', 9, 1), scalarEvent('loss', 4, 2)));
    put('a/events.out.tfevents.1', eventFile(scalarEvent('acc', 1, 1)));
    put('a/model.pt', Buffer.from('no event file'));
    const { runs } = await exported();
    assert.deepEqual(
      runs.map(({ run }) => run),
      ['a', 'b/c'],
    );
    assert.deepEqual(runs[1]?.tags['loss']?.values, [1, 2, 3]);
    assert.deepEqual(runs[1]?.tags['loss']?.steps, [9, 4, 5]);
  });

  it('writes NaN and infinities as strings, and keeps the sign of zero', async () => {
    const events = [Number.NaN, Infinity, -Infinity, -0].map((value, step) => scalarEvent('loss', step, value));
    assert.deepEqual((await valuesOf(eventFile(...events))).values, ['NaN', 'Infinity', '-Infinity', -0]);
  });

  it('keeps tags that look like properties of every object', async () => {
    put(NAME, eventFile(scalarEvent('__proto__', 0, 1), scalarEvent('2', 0, 2), scalarEvent('1', 0, 3)));
    const text = [...exportJson(await exportScalars(logdir))].join('');
    assert.deepEqual(JSON.parse(text).runs[0].tags['2'].values, [2]);
    assert.match(text, /"__proto__":{"steps":\[0\],"wallTimes":\[1700000000.5\],"values":\[1\]}/);
  });

  it('reads steps of 64 bits with their sign', async () => {
    put(NAME, eventFile(scalarEvent('loss', -3, 1), scalarEvent('loss', 2n ** 40n + 1n, 1)));
    assert.deepEqual((await exported()).runs[0]?.tags['loss']?.steps, [-3, 2 ** 40 + 1]);
  });

  it('keeps many tags apart, in any order and with any bytes in their names', async () => {
    const tag = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(tag, fc.float({ noNaN: true })), { maxLength: 60 }), async (points) => {
        put(NAME, eventFile(...points.map(([name, value], step) => scalarEvent(name, step, value))));
        const [run] = (await exportScalars(logdir)).runs;
        const tags = new Map(Object.entries(run!.tags));
        assert.deepEqual(new Set(tags.keys()), new Set(points.map(([name]) => name)));
        for (const [name, { values }] of tags) {
          const expected = points.filter(([other]) => other === name).map(([, value]) => value);
          assert.deepEqual([...values], expected);
        }
      }),
      { numRuns: 30 },
    );
  });

  describe('tensors of the scalars plugin', () => {
    const shape = bytesField(2, Buffer.alloc(0));
    const tensorValue = (type: number, ...fields: Buffer[]) => [
      bytesField(1, 'loss'),
      bytesField(8, Buffer.concat([varintField(1, type), shape, ...fields])),
    ];
    const content = (bytes: number[]) => bytesField(4, Buffer.from(bytes));
    const packed = (field: number, body: Buffer) => bytesField(field, body);
    const cases: [string, number, Buffer, number][] = [
      ['float content', 1, content([0, 0, 0x20, 0x40]), 2.5],
      ['float_val', 1, packed(5, floatField(0, 2.5).subarray(1)), 2.5],
      ['float_val unpacked', 1, floatField(5, 2.5), 2.5],
      ['double content', 2, content([0, 0, 0, 0, 0, 0, 4, 0x40]), 2.5],
      ['double_val', 2, packed(6, doubleField(0, 0.1).subarray(1)), 0.1],
      ['int_val', 3, packed(7, varintField(0, -7).subarray(1)), -7],
      ['int64 content', 9, content([0xfe, 255, 255, 255, 255, 255, 255, 255]), -2],
      ['int64_val', 9, varintField(10, 2n ** 40n), 2 ** 40],
      ['uint8 content', 4, content([200]), 200],
      ['int8 content', 6, content([200]), -56],
      ['bool_val', 10, varintField(11, 1), 1],
      ['nothing but the type, which is zero', 1, Buffer.alloc(0), 0],
    ];
    for (const [what, type, field, expected] of cases) {
      it(`reads ${what}`, async () => {
        const value = Buffer.concat([...tensorValue(type, field), pluginMetadata('scalars')]);
        assert.deepEqual(await valuesOf(eventFile(summaryEvent(0, 0, value))), { values: [expected], at: [] });
      });
    }

    it('keeps the metadata of the first value for all that follow, in later files too', async () => {
      const value = tensorValue(1, floatField(5, 1));
      put('a/1.tfevents', eventFile(summaryEvent(0, 0, Buffer.concat([...value, pluginMetadata('scalars')]))));
      put('a/2.tfevents', eventFile(summaryEvent(1, 0, Buffer.concat(value))));
      assert.deepEqual((await exported()).runs[0]?.tags['loss']?.steps, [0, 1]);
    });

    it('are no scalars under another plugin or with many numbers', async () => {
      const text = Buffer.concat([...tensorValue(1), pluginMetadata('text')]);
      assert.deepEqual(await valuesOf(eventFile(summaryEvent(0, 0, text))), { values: [], at: [] });
      const vector = bytesField(8, Buffer.concat([varintField(1, 1), bytesField(2, bytesField(2, varintField(1, 3)))]));
      const many = Buffer.concat([bytesField(1, 'loss'), vector, pluginMetadata('scalars')]);
      assert.deepEqual(await valuesOf(eventFile(summaryEvent(0, 0, many))), { values: [], at: [0] });
    });
  });

  describe('of damaged files', () => {
    const events = [versionEvent(), ...[1, 2, 3].map((value) => scalarEvent('loss', value, value))];
    const records = events.map(record);
    const starts = records.map((_, i) => Buffer.concat(records.slice(0, i)).length);
    const whole = Buffer.concat(records);

    it('cut at any byte gives the records before the cut and the place of the cut one', async () => {
      for (let cut = 0; cut <= whole.length; cut++) {
        const complete = records.filter((r, i) => starts[i]! + r.length <= cut).length;
        const isBetween = cut === whole.length || starts.includes(cut);
        const expected = {
          values: [1, 2, 3].slice(0, Math.max(0, complete - 1)),
          at: isBetween ? [] : [starts[complete]],
        };
        assert.deepEqual(await valuesOf(whole.subarray(0, cut)), expected, `cut at ${cut}`);
      }
    });

    it('with any bit flipped end there; salvaged they lose the record of the bit, or all from its length on', async () => {
      for (let bit = 0; bit < whole.length * 8; bit += 3) {
        const damaged = Buffer.from(whole);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const hit = starts.findLastIndex((start) => start <= bit >> 3);
        const isLength = (bit >> 3) - starts[hit]! < 12;
        const before = [1, 2, 3].filter((value) => value < hit);
        assert.deepEqual(await valuesOf(damaged), { values: before, at: [starts[hit]] }, `bit ${bit}`);
        const { runs, problems } = await salvaged();
        const values = [1, 2, 3].filter((value) => value < hit || (value > hit && !isLength));
        assert.deepEqual(runs[0]?.tags['loss']?.values ?? [], values, `bit ${bit}`);
        assert.deepEqual(
          problems.map(({ offset }) => offset),
          [starts[hit]],
        );
      }
    });

    it('with a tail of zeros keep what is before it', async () => {
      for (const zeros of [1, 11, 12, 5000]) {
        assert.deepEqual(await valuesOf(whole, Buffer.alloc(zeros)), { values: [1, 2, 3], at: [whole.length] });
      }
    });

    it('with a record that claims 2^31 bytes or more are read without that memory', async () => {
      for (const claim of [2n ** 31n, 2n ** 63n, 2n ** 27n]) {
        const before = process.memoryUsage().arrayBuffers;
        assert.deepEqual(await valuesOf(whole, recordHead(claim), whole), { values: [1, 2, 3], at: [whole.length] });
        assert.ok(process.memoryUsage().arrayBuffers - before < 64e6);
      }
    });

    it('jump over a record that is too long to read, where it is really there', async () => {
      const claim = 300_000_000;
      put(NAME, whole, recordHead(BigInt(claim)));
      truncateSync(path.join(logdir, NAME), whole.length + claim + 16);
      appendFileSync(path.join(logdir, NAME), whole);
      const { runs, problems } = await exported();
      assert.deepEqual(runs[0]?.tags['loss']?.values, [1, 2, 3, 1, 2, 3]);
      assert.equal(problems[0]?.offset, whole.length);
      assert.match(problems[0].message, /claims 300000000 bytes/);
    });

    it('with an intact record that is no event go on after it', async () => {
      const noEvent = record(Buffer.from([0x2a, 0x7f, 1]));
      assert.deepEqual(await valuesOf(noEvent, whole), { values: [1, 2, 3], at: [0] });
    });

    it('of any bytes end with a report and no exception', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
          await valuesOf(whole, record(Buffer.from(bytes)), record(bytesField(5, bytesField(1, Buffer.from(bytes)))));
          await valuesOf(Buffer.from(bytes));
        }),
        { numRuns: 200 },
      );
    });

    it('say nothing of other files', async () => {
      put('bad/x.tfevents', Buffer.alloc(100, 7));
      put('good/x.tfevents', whole);
      put('empty/x.tfevents');
      const { runs, problems } = await exported();
      assert.deepEqual(runs.find(({ run }) => run === 'good')?.tags['loss']?.values, [1, 2, 3]);
      assert.deepEqual(
        problems.map(({ file, offset }) => ({ file, offset })),
        [{ file: 'bad/x.tfevents', offset: 0 }],
      );
    });
  });

  it('reads a record longer than its buffer and everything after it', async () => {
    const image = Buffer.concat([bytesField(1, 'image'), bytesField(4, Buffer.alloc(3e6, 1))]);
    const many = Array.from({ length: 30_000 }, (_, step) => scalarEvent('loss', step, step));
    const { values } = await valuesOf(eventFile(summaryEvent(0, 0, image, scalarValue('loss', 0.5)), ...many));
    assert.equal(values.length, 30_001);
    assert.equal(values[0], 0.5);
    assert.equal(values.at(-1), 29_999);
  });

  it('gives the same on several threads', async () => {
    for (const run of ['a', 'b/c', 'd', 'e']) {
      const points = Array.from({ length: 40_000 }, (_, i) =>
        scalarEvent(`${run}/${i % 3 ? 'x' : '__proto__'}`, i, i / 3),
      );
      const bytes = Buffer.concat(points.map((point) => frame(point)));
      put(
        `${run}/events.out.tfevents.1`,
        ...Array.from({ length: 4 }, () => bytes),
        Buffer.alloc(run === 'd' ? 13 : 0),
      );
    }
    const alone = await exportScalars(logdir);
    const worker = new URL('../../../server/metrics/exportWorker.ts', import.meta.url);
    const shared = await exportScalars(logdir, { threads: { worker, count: 3 } });
    assert.ok(alone.stats.bytes > 3 * 2 ** 23, `${alone.stats.bytes} bytes are read on one thread`);
    assert.deepEqual(shared.runs, alone.runs);
    assert.deepEqual(shared.problems, alone.problems);
    assert.equal(shared.problems.length, 1);
    assert.deepEqual({ ...shared.stats, seconds: 0 }, { ...alone.stats, seconds: 0 });
  });

  it('follows a link to a folder, and not around in a circle', async () => {
    put('real/x.tfevents', eventFile(scalarEvent('loss', 0, 1)));
    symlinkSync(path.join(logdir, 'real'), path.join(logdir, 'link'));
    symlinkSync(logdir, path.join(logdir, 'real', 'circle'));
    symlinkSync('/nowhere', path.join(logdir, 'broken.tfevents'));
    assert.deepEqual(
      (await exported()).runs.map(({ run }) => run),
      ['link', 'real'],
    );
  });

  it('refuses a folder that is not there', async () => {
    await assert.rejects(exportScalars(path.join(logdir, 'no')), { code: 'metrics.logdirMissing' });
  });
});
