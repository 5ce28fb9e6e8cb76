// How fast the pages are, measured in a real browser on the real control plane: what a page notes (webview-ui/measure.ts)
// is the moment after the frame in which something stood on the screen.
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { record } from '../../../server/metrics/eventWriter.ts';
import type { Run } from '../../../server/protocol/entities.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import { until } from '../../integration/loop/place.ts';
import { openPages, type Pages, paintedOf } from '../../ui/harness/pages.ts';
import { bytesField, versionEvent } from '../../unit/metrics/eventWriter.ts';
import type { BenchRow } from '../run.ts';
import { scalarRecord } from './eventFiles.ts';

const zoomPoints = 10_000_000;
const zooms = 15;
const liveRuns = 100;
const liveSeconds = 20;
const comparedRuns = 10_000;
const comparedColumns = 50;
const filters = ['lr<0.01', 'adam', 'lr<0.001 optimizer=sgd', 'metric3>0.5', '', 'param7=3', 'run 77', 'metric0<0.2'];

interface PaintedCurves {
  title: string;
  zoomed?: [number, number];
  fetched: boolean;
  series: { run: string; total: number; covered: number; length: number; lastStep: number }[];
}

/**
 * From the write of a point in the training process to the frame that shows it, while a hundred runs write, each ten
 * points a second. The point's wall time is the moment of its write, by the clock of this machine.
 */
export async function appendToPixel(): Promise<BenchRow[]> {
  const pages = await openPages();
  try {
    const stop = pages.signal('stop');
    const plan = { steps: 10, tags: ['train/loss'], everyMs: 100, until: stop.path };
    const runs: Run[] = [];
    // with little of the machine each, so that none waits for another
    for (let i = 0; i < liveRuns; i += 1) runs.push(await pages.write(`run ${i}`, plan, {}));
    const page = await pages.open({ page: 'run', id: runs[0]!.id }, { measured: true });
    await page.locator('[data-chart="train/loss"] canvas').waitFor();
    await until(async () => (await paintedOf(page, 'curves')).length > 20, 'the curve to move');
    await page.evaluate(() => globalThis.slipwayPainted!.splice(0));
    await page.waitForTimeout(liveSeconds * 1000);
    const painted = await paintedOf(page, 'curves');
    stop.give();
    const { steps, wallTimes } = await pages.server.call('readRunSeries', {
      params: { id: runs[0]!.id },
      query: { tag: 'train/loss', points: 100_000 },
    });
    const writtenAt = new Map(steps.map((step, i) => [step, wallTimes[i]! * 1000]));
    const delays = delaysOf(
      painted.map(({ at, detail }) => ({ at, lastStep: (detail as PaintedCurves).series[0]!.lastStep })),
      writtenAt,
    );
    const p95 = quantile(delays, 0.95);
    return [
      {
        name: `append to pixel, median of ${delays.length} points, ${liveRuns} runs writing`,
        value: round(quantile(delays, 0.5)),
        unit: 'ms',
      },
      { name: 'append to pixel, p95', value: round(p95), unit: 'ms', goal: '< 150', met: p95 < 150 },
    ];
  } finally {
    await pages.close();
  }
}

/** For every point the first frame that had it: several points of one frame count each by themselves. */
function delaysOf(frames: { at: number; lastStep: number }[], writtenAt: ReadonlyMap<number, number>): number[] {
  const delays: number[] = [];
  let shown = frames[0]?.lastStep ?? 0;
  for (const { at, lastStep } of frames) {
    for (let step = shown + 1; step <= lastStep; step += 1) {
      const written = writtenAt.get(step);
      if (written !== undefined) delays.push(at - written);
    }
    shown = Math.max(shown, lastStep);
  }
  return delays;
}

/** From the end of a zoom gesture over ten million points to the frame with what the server has of the range. */
export async function zoomToFrame(): Promise<BenchRow[]> {
  const pages = await openPages();
  try {
    const file = pages.place.path('events.out.tfevents.1700000000.host');
    writePoints(file, zoomPoints);
    const run = await pages.server.call('startRun', {
      body: {
        folder: pages.place.path('project'),
        command: ['sh', '-c', `cp ${file} "$SLIPWAY_LOGDIR"/`],
        title: 'large',
      },
    });
    await pages.ended(run.id);
    const page = await pages.open({ page: 'run', id: run.id }, { measured: true });
    const canvas = page.locator('[data-chart="loss"] canvas');
    await until(
      async () => {
        const last = (await paintedOf(page, 'curves')).at(-1);
        return last && (last.detail as PaintedCurves).series[0]!.covered === zoomPoints;
      },
      'all points',
      300_000,
    );
    const first: number[] = [];
    const exact: number[] = [];
    for (let i = 0; i < zooms; i += 1) {
      const { coarse, fetched } = await zoom(page, canvas, 0.2 + 0.02 * i, 0.21 + 0.03 * i);
      first.push(coarse);
      exact.push(fetched);
      await canvas.dblclick();
    }
    const median = quantile(exact, 0.5);
    return [
      { name: 'zoom to first frame, 10,000,000 points, median', value: round(quantile(first, 0.5)), unit: 'ms' },
      {
        name: 'zoom to drawn frame, 10,000,000 points, median',
        value: round(median),
        unit: 'ms',
        goal: '< 33',
        met: median < 33,
      },
      { name: 'zoom to drawn frame, 10,000,000 points, p95', value: round(quantile(exact, 0.95)), unit: 'ms' },
    ];
  } finally {
    await pages.close();
  }
}

async function zoom(page: Page, canvas: ReturnType<Page['locator']>, from: number, to: number) {
  const box = (await canvas.boundingBox())!;
  const y = box.y + box.height / 2;
  await page.evaluate(() => {
    globalThis.slipwayPainted!.splice(0);
    const noted = globalThis as { slipwayReleasedAt?: number };
    addEventListener(
      'pointerup',
      // the moment of the input itself, before any handler has run
      (event) => {
        noted.slipwayReleasedAt = performance.timeOrigin + event.timeStamp;
      },
      { once: true, capture: true },
    );
  });
  await page.mouse.move(box.x + from * box.width, y);
  await page.mouse.down();
  await page.mouse.move(box.x + to * box.width + 12, y, { steps: 3 });
  await page.mouse.up();
  const fetched = await until(
    async () => (await paintedOf(page, 'curves')).find(({ detail }) => (detail as PaintedCurves).fetched),
    'the zoomed curve',
  );
  const coarse = (await paintedOf(page, 'curves')).find(({ detail }) => (detail as PaintedCurves).zoomed)!;
  const released = await page.evaluate(() => (globalThis as { slipwayReleasedAt?: number }).slipwayReleasedAt!);
  return { coarse: coarse.at - released, fetched: fetched.at - released };
}

/** One tag with so many points, in pieces that are written at once. */
function writePoints(file: string, points: number): void {
  const fd = openSync(file, 'w');
  writeSync(fd, record(versionEvent()));
  const name = bytesField(1, 'loss');
  const atOnce = 20_000;
  for (let from = 0; from < points; from += atOnce) {
    const records = Array.from({ length: Math.min(atOnce, points - from) }, (_, i) =>
      scalarRecord(
        name,
        from + i,
        1.7e9 + (from + i) * 0.01,
        Math.sin((from + i) * 1e-4) + Math.sin((from + i) * 1.7) * 0.1,
      ),
    );
    writeSync(fd, Buffer.concat(records));
  }
  closeSync(fd);
}

/** From the input into the filter to the frame with the rows that fit, in the table and in the chart above it. */
export async function filterToDrawn(): Promise<BenchRow[]> {
  const pages = await openPages(storeRuns);
  try {
    const page = await pages.open({ page: 'compare' }, { measured: true });
    await page.getByRole('grid').getByRole('row').nth(20).waitFor({ timeout: 120_000 });
    const durations: number[] = [];
    for (const text of [...filters, ...filters]) durations.push(await filter(pages, page, text));
    const [median, worst] = [quantile(durations, 0.5), Math.max(...durations)];
    const what = `${comparedRuns.toLocaleString('en')} runs × ${comparedColumns} columns`;
    return [
      { name: `filter to drawn, ${what}, median`, value: round(median), unit: 'ms', goal: '< 100', met: median < 100 },
      { name: `filter to drawn, ${what}, worst`, value: round(worst), unit: 'ms' },
    ];
  } finally {
    await pages.close();
  }
}

async function filter(_: Pages, page: Page, text: string): Promise<number> {
  const field = page.locator('.compare-toolbar vscode-text-field').first();
  // the whole text is put in at once, as by pasting: each letter by itself would do less
  return field.evaluate(
    (element, value) =>
      new Promise<number>((resolve) => {
        const notes = globalThis.slipwayPainted!;
        notes.splice(0);
        const began = performance.timeOrigin + performance.now();
        const input = element.shadowRoot!.querySelector('input')!;
        input.value = value;
        input.dispatchEvent(new InputEvent('input', { bubbles: true, composed: true }));
        const look = () => {
          // both, whichever is later
          const table = notes.filter((note) => note.name === 'table').at(-1);
          const chart = notes.filter((note) => note.name === 'parallel').at(-1);
          if (table && chart) resolve(Math.max(table.at, chart.at) - began);
          else setTimeout(look, 5);
        };
        look();
      }),
    text,
  );
}

/** Runs as a control plane leaves them, put into its database before it starts. */
async function storeRuns(data: string): Promise<void> {
  const store = openSqliteStore(path.join(data, 'slipway.db'));
  const half = comparedColumns / 2;
  for (let from = 0; from < comparedRuns; from += 1000) {
    await store.write(async (tx) => {
      for (let i = from; i < from + 1000; i += 1) {
        const run = storedRun(i, half);
        await tx.putEntity({ topic: 'runs', id: run.id, project: run.project, parent: '', data: run });
      }
    });
  }
  await store.close();
}

function storedRun(i: number, half: number): Run {
  const random = (salt: number) => (((Math.sin(i * 12.9898 + salt * 78.233) * 43758.5453) % 1) + 1) % 1;
  const params: Run['params'] = { lr: 10 ** (-4 + 3 * random(1)), optimizer: ['adam', 'sgd', 'lamb'][i % 3]! };
  for (let column = 2; column < half; column += 1) params[`param${column}`] = Math.floor(random(column) * 8);
  const metrics: Run['metrics'] = {};
  for (let column = 0; column < half; column += 1) metrics[`metric${column}`] = random(100 + column);
  return {
    id: `r${i}`,
    project: 'digits',
    kind: 'train',
    step: 'train',
    title: `run ${i}`,
    folder: '/project',
    status: 'succeeded',
    reason: '',
    attempt: 1,
    createdAt: 1_700_000_000_000 + i * 1000,
    startedAt: 1_700_000_000_000 + i * 1000,
    endedAt: 1_700_000_060_000 + i * 1000,
    params,
    command: 'python train.py',
    resources: {},
    metrics,
    outputs: [],
    cached: false,
    tags: [],
  };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
