import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import type { ScalarColumns } from '../../../../server/metrics/columns.ts';
import { RunSeries } from '../../../../server/metrics/series/runSeries.ts';
import type { Series, SeriesView } from '../../../../server/metrics/series/series.ts';
import type { RunCursor } from '../../../../server/metrics/tailRun.ts';

type Point = [step: number, wallTime: number, value: number];

const cursorAt = (offset: number): RunCursor => ({
  files: { 'events.out.tfevents.1': { offset, stopped: false, mark: 7 } },
  plugins: { loss: 'scalars' },
});

function deliver(series: RunSeries, tag: string, points: Point[], folder = '.', offset = 1): void {
  const column = (i: 0 | 1 | 2) => Float64Array.from(points, (point) => point[i]);
  const scalars = [{ tag, steps: column(0), wallTimes: column(1), values: column(2) }];
  series.append('logs', { run: folder, scalars, blobs: [], problems: [], cursor: cursorAt(offset) });
}

const pointsOf = ({ length, steps, wallTimes, values }: ScalarColumns): Point[] =>
  Array.from({ length }, (_, i) => [steps[i]!, wallTimes[i]!, values[i]!]);

/** What TensorBoard shows: a step takes away all before it that are not below it. */
function shownOf(points: Point[]): Point[] {
  const shown: Point[] = [];
  for (const point of points) {
    while (shown.length > 0 && shown.at(-1)![0] >= point[0]) shown.pop();
    shown.push(point);
  }
  return shown;
}

/** Steps that mostly rise and sometimes go back; times likewise. */
const anyPoints = fc
  .array(
    fc.record({
      run: fc.integer({ min: 1, max: 700 }),
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 900 })),
      stride: fc.constantFrom(1, 1, 3, 0.5),
      value: fc.oneof(fc.double(), fc.float(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 1e300)),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => {
    const points: Point[] = [];
    let step = 0;
    for (const { run, back, stride, value } of parts) {
      step -= back;
      for (let i = 0; i < run; i++, step += stride) {
        const own = i % 97 === 5 ? value : Math.fround(Math.sin(points.length) * 10);
        points.push([step, 1.7e9 + points.length * 0.1 - (back > 600 && i === 0 ? 50 : 0), own]);
      }
    }
    return points;
  });

describe('the series of a run', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-series-'));
    file = path.join(folder, 'series.columns');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keep every point exactly, on disk and in memory, whatever the pieces in which it came', () => {
    fc.assert(
      fc.property(anyPoints, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 5 }), (points, cuts) => {
        const series = new RunSeries(file);
        series.reset();
        let at = 0;
        for (const cut of cuts) {
          deliver(series, 'loss', points.slice(at, at + cut));
          at += cut;
          series.checkpoint();
        }
        deliver(series, 'loss', points.slice(at));
        const loss = series.get('loss')!;
        assert.deepEqual(pointsOf(loss.slice(0)), points);
        const middle = Math.floor(points.length / 2);
        assert.deepEqual(
          pointsOf(loss.slice(middle - 300, middle + 300)),
          points.slice(Math.max(0, middle - 300), middle + 300),
        );
        series.close();
      }),
      { numRuns: 25 },
    );
  });

  it('give any part as a scan of all points would: exact when it is short, else with its extremes', () => {
    const anyView = fc.record({
      buckets: fc.integer({ min: 1, max: 60 }),
      by: fc.constantFrom('step' as const, 'wallTime' as const),
      points: fc.constantFrom('shown' as const, 'all' as const),
      bounds: fc.option(
        fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      ),
    });
    fc.assert(
      fc.property(anyPoints, fc.integer({ min: 0, max: 9000 }), anyView, (points, cut, { bounds, ...rest }) => {
        const series = new RunSeries(file);
        series.reset();
        deliver(series, 'loss', points.slice(0, cut));
        series.checkpoint();
        deliver(series, 'loss', points.slice(cut));
        const place = rest.by === 'step' ? 0 : 1;
        const axis = points.map((point) => point[place]).sort((a, b) => a - b);
        const limits = bounds?.map((share) => axis[Math.floor(share * (axis.length - 1))]!).sort((a, b) => a - b);
        const view: SeriesView = { ...rest, from: limits?.[0], to: limits?.[1] };
        checkPart(series.get('loss')!, points, view);
        series.close();
      }),
      { numRuns: 60 },
    );
  });

  it('count what TensorBoard does not show, and tell when shown points went out of view', () => {
    const series = new RunSeries(file);
    deliver(
      series,
      'loss',
      [0, 1, 2, 3].map((step) => [step, step, step]),
    );
    const loss = series.get('loss')!;
    assert.deepEqual([loss.superseded, loss.withdrawals], [0, 0]);
    deliver(series, 'loss', [
      [2, 9, 20],
      [3, 10, 30],
    ]);
    assert.deepEqual([loss.superseded, loss.withdrawals, loss.count], [2, 1, 6]);
    series.close();
  });

  it('go on after a kill from the last checkpoint, whatever was written behind it', () => {
    const first = new RunSeries(file);
    deliver(
      first,
      'loss',
      [
        [0, 1, 0.5],
        [1, 2, 0.25],
      ],
      '.',
      100,
    );
    first.checkpoint();
    const { bytes } = first;
    deliver(first, 'accuracy', [[0, 3, 0.1]], '.', 200);
    first.close();
    appendFileSync(file, Buffer.alloc(37, 0xab));
    for (const cut of [undefined, bytes + 20, bytes]) {
      if (cut !== undefined) truncateSync(file, cut);
      const again = new RunSeries(file);
      assert.equal(again.cursorsOf('logs')['.']?.files['events.out.tfevents.1']?.offset, 100);
      assert.equal(again.cursorsOf('logs')['.']?.plugins['loss'], 'scalars');
      assert.deepEqual(pointsOf(again.get('loss')!.slice(0)), [
        [0, 1, 0.5],
        [1, 2, 0.25],
      ]);
      assert.equal(again.get('accuracy'), undefined);
      again.close();
    }
    truncateSync(file, bytes - 1);
    const without = new RunSeries(file);
    assert.deepEqual([without.size, without.cursorsOf('logs')], [0, {}]);
    without.close();
  });

  it('draw ten million points by few, exact where they are zoomed in, at 9 bytes a point on disk', function () {
    this.timeout(60_000);
    const series = new RunSeries(file);
    const length = 1_000_000;
    for (let part = 0; part < 10; part++) {
      const steps = Float64Array.from({ length }, (_, i) => part * length + i);
      const wallTimes = steps.map((step) => 1.7e9 + step * 0.01);
      const values = steps.map((step) => Math.fround(Math.sin(step / 1e5) + (step === 7_654_321 ? 100 : 0)));
      const scalars = [{ tag: 'loss', steps, wallTimes, values }];
      series.append('logs', { run: '.', scalars, blobs: [], problems: [], cursor: cursorAt(part) });
    }
    series.checkpoint();
    assert.ok(series.bytes < 9 * 10 * length, `${series.bytes} bytes`);
    const loss = series.get('loss')!;
    const whole = loss.part({ buckets: 1000, by: 'step', points: 'shown' });
    assert.equal(Math.max(...whole.points.values), Math.fround(Math.sin(76.54321) + 100));
    assert.equal(whole.inRange, 10 * length);
    assert.ok(whole.points.length <= 2100, `${whole.points.length} points`);
    const near = loss.part({ buckets: 1000, by: 'step', from: 7_654_000, to: 7_655_000, points: 'shown' });
    assert.deepEqual([near.isExact, near.points.length], [true, 1001]);
    series.close();
  });

  it('name a tag after its folder where another folder wrote it first', () => {
    const series = new RunSeries(file);
    deliver(series, 'epoch_loss', [[0, 1, 1]], 'train');
    deliver(series, 'epoch_loss', [[0, 1, 2]], 'validation');
    deliver(series, 'lr', [[0, 1, 3]], 'validation');
    series.checkpoint();
    series.close();
    const again = new RunSeries(file);
    deliver(again, 'epoch_loss', [[1, 1, 2]], 'validation');
    assert.deepEqual(
      [...again.all()].map(({ tag, count }) => [tag, count]),
      [
        ['epoch_loss', 1],
        ['validation/epoch_loss', 2],
        ['lr', 1],
      ],
    );
    again.close();
  });
});

function checkPart(series: Series, points: Point[], view: SeriesView): void {
  const place = view.by === 'step' ? 0 : 1;
  const all = view.points === 'shown' ? shownOf(points) : points;
  const wanted = all.filter(
    (point) => point[place] >= (view.from ?? -Infinity) && point[place] <= (view.to ?? Infinity),
  );
  const part = series.part(view);
  const found = pointsOf(part.points);
  assert.equal(part.inRange, wanted.length);
  assert.equal(part.nan, wanted.filter((point) => Number.isNaN(point[2])).length);
  assert.equal(part.positiveInfinity, wanted.filter((point) => point[2] === Infinity).length);
  assert.equal(part.negativeInfinity, wanted.filter((point) => point[2] === -Infinity).length);
  if (wanted.length <= 2 * view.buckets || part.isExact) {
    assert.deepEqual(found, wanted);
    return;
  }
  const keys = wanted.map((point) => point.join());
  let at = -1;
  for (const point of found) {
    const next = keys.indexOf(point.join(), at + 1);
    assert.ok(next > at, `${point} is not in order, or no point of the range`);
    at = next;
  }
  assert.deepEqual([found[0], found.at(-1)], [wanted[0], wanted.at(-1)]);
  const finite = (some: Point[]) => some.map((point) => point[2]).filter(Number.isFinite);
  assert.equal(Math.max(...finite(found)), Math.max(...finite(wanted)));
  assert.equal(Math.min(...finite(found)), Math.min(...finite(wanted)));
  for (const special of [Number.NaN, Infinity, -Infinity]) {
    const has = (some: Point[]) => some.some((point) => Object.is(point[2], special));
    assert.equal(has(found), has(wanted));
  }
}
