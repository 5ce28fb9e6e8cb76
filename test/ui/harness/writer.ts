// A training program of tests: writes event files, logs and images as its plan says, bit by bit by code of the tests'
// own. Run as `node writer.ts PLAN`, with the plan as JSON.
import { existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import {
  bytesField,
  doubleField,
  eventFile,
  pluginMetadata,
  record,
  scalarValue,
  summaryEvent,
  varintField,
  versionEvent,
} from '../../unit/metrics/eventWriter.ts';

export interface WriterPlan {
  /** Steps of scalars that are written at once. */
  steps: number;
  tags: string[];
  /** Steps with a histogram, an image and a text. */
  mediaSteps?: number;
  /** Steps at which train/loss is no number. */
  nanAt?: number[];
  infinityAt?: number[];
  /** Lines of log printed at once. */
  lines?: number;
  /** Then one step after the other, so many milliseconds apart, until the file appears. */
  everyMs?: number;
  until?: string;
  /** Level that the curves of this run go to. */
  level?: number;
  fails?: boolean;
}

/** A scalar of a step: it falls and wobbles, the same in every test. */
export function scalarAt(tag: string, step: number, level = 0.2): number {
  const fall = Math.exp(-step / 120) * (1 - level) + level;
  const wobble = 0.04 * Math.sin(step * 1.7 + tag.length) + 0.02 * Math.sin(step * 0.31);
  return tag.includes('accuracy') ? 1 - fall + wobble : fall + wobble;
}

async function main(plan: WriterPlan): Promise<void> {
  const folder = process.env['SLIPWAY_LOGDIR']!;
  mkdirSync(folder, { recursive: true });
  const file = openSync(path.join(folder, `events.out.tfevents.${Math.floor(Date.now() / 1000)}.test.1.v2`), 'a');
  writeSync(file, eventFile(versionEvent(Date.now() / 1000)));
  const write = (step: number, wallTime = Date.now() / 1000) => {
    const values = plan.tags.map((tag) =>
      scalarValue(tag, special(plan, tag, step) ?? scalarAt(tag, step, plan.level)),
    );
    writeSync(file, record(summaryEvent(step, wallTime, ...values)));
  };
  const begin = Date.now() / 1000 - plan.steps;
  for (let step = 0; step < plan.steps; step++) write(step, begin + step);
  for (let i = 0; i < (plan.mediaSteps ?? 0); i++) writeMedia(file, i * 10, begin + i * 10);
  if (plan.lines) printLines(plan.lines);
  for (let step = plan.steps; plan.until && !existsSync(plan.until); step++) {
    write(step);
    process.stdout.write(`\x1b[36mstep ${step}\x1b[0m loss ${scalarAt('train/loss', step, plan.level).toFixed(4)}\n`);
    await delay(plan.everyMs ?? 100);
  }
  if (plan.fails) throw new RangeError('the loss went out of range');
}

function special({ nanAt, infinityAt }: WriterPlan, tag: string, step: number): number | undefined {
  if (tag !== 'train/loss') return undefined;
  if (nanAt?.includes(step)) return Number.NaN;
  return infinityAt?.includes(step) ? Number.POSITIVE_INFINITY : undefined;
}

function printLines(lines: number): void {
  const colors = [31, 32, 33, 34, 35, 36];
  for (let from = 0; from < lines; from += 10_000) {
    let text = '';
    for (let i = from; i < Math.min(lines, from + 10_000); i++) {
      text += `\x1b[${colors[i % colors.length]}mepoch ${i}\x1b[0m loss \x1b[1m${(1 / (1 + i / 100)).toFixed(5)}\x1b[0m line ${i}\n`;
    }
    writeSync(1, text);
  }
}

function writeMedia(file: number, step: number, wallTime: number): void {
  const histogram = Buffer.concat([bytesField(1, 'weights/layer1'), bytesField(5, histogramProto(step))]);
  const metadata = bytesField(9, Buffer.concat([pluginMetadata('text').subarray(2)]));
  const text = Buffer.concat([
    bytesField(1, 'notes/text_summary'),
    metadata,
    bytesField(8, stringTensor(`At step **${step}** everything goes well.`)),
  ]);
  const picture = png(16, 16, (x, y) => (x * 16 + y * 3 + step) % 256);
  const image = Buffer.concat([
    bytesField(1, 'samples/digits'),
    bytesField(4, Buffer.concat([varintField(1, 16), varintField(2, 16), varintField(3, 1), bytesField(4, picture)])),
  ]);
  writeSync(file, record(summaryEvent(step, wallTime, histogram, image, text)));
}

/** HistogramProto of a bell that narrows: min, max, num, sum, sum of squares, limits, counts. */
function histogramProto(step: number): Buffer {
  const spread = 1 + 2 * Math.exp(-step / 60);
  const limits = Array.from({ length: 31 }, (_, i) => -4 + (8 * (i + 1)) / 31);
  const counts = limits.map((limit) => Math.round(1000 * Math.exp(-((limit / spread) ** 2))));
  const packed = (values: number[]) => {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [i, value] of values.entries()) bytes.writeDoubleLE(value, 8 * i);
    return bytes;
  };
  const total = counts.reduce((sum, each) => sum + each, 0);
  return Buffer.concat([
    doubleField(1, -4),
    doubleField(2, 4),
    doubleField(3, total),
    doubleField(4, 0),
    doubleField(5, total),
    bytesField(6, packed(limits)),
    bytesField(7, packed(counts)),
  ]);
}

/** TensorProto of one string: DT_STRING (7), no dimensions. */
function stringTensor(text: string): Buffer {
  return Buffer.concat([varintField(1, 7), bytesField(2, ''), bytesField(8, text)]);
}

/** A grey picture as PNG. */
function png(width: number, height: number, grey: (x: number, y: number) => number): Buffer {
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = grey(x, y);
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0]);
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), ...chunks]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  crc.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, crc]);
}

function crc32(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as WriterPlan);
