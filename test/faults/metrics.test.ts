// Damaged event files by the hundred thousand: whatever stands in a file, reading it ends, throws nothing, keeps its
// memory, and tells of every damage. A corpus grows with whatever makes the reader say something new (its messages and
// counts are the signal). SLIPWAY_TEST_SEED repeats the cases of an earlier run, SLIPWAY_TEST_CASES sets how many.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { RunDecoder } from '../../server/metrics/events.ts';
import { record as frame } from '../../server/metrics/eventWriter.ts';
import {
  histogramOf,
  hparamsOf,
  layoutOf,
  onlyString,
  samplesOf,
  textOfValue,
} from '../../server/metrics/media/decode.ts';
import { parseMessage } from '../../server/metrics/media/message.ts';
import { scanRecords } from '../../server/metrics/records.ts';
import { randomOf } from '../integration/loop/killedLoop.ts';
import { recordHead, scalarEvent, versionEvent } from '../unit/metrics/eventWriter.ts';

const cases = Number(process.env['SLIPWAY_TEST_CASES'] ?? 200_000);
/** A case that takes longer is a hang, on any machine. */
const longestMs = 5000;
const maxCorpus = 2000;
const maxBytes = 64 * 1024;

const fixtures = path.resolve(import.meta.dirname, '../fixtures/events');

function seeds(): Buffer[] {
  const files = ['pytorch', 'tensorflow'].flatMap((writer) =>
    readdirSync(path.join(fixtures, writer)).map((name) => readFileSync(path.join(fixtures, writer, name))),
  );
  const plain = Buffer.concat(
    [versionEvent(), scalarEvent('loss', 1, 0.5), scalarEvent('loss', -1n, Number.NaN)].map(frame),
  );
  return [...files.map((bytes) => bytes.subarray(0, maxBytes)), plain, recordHead(2n ** 31n), recordHead(2n ** 63n)];
}

/** Reads as the export does and says what the reader said: the same words are the same behaviour. */
function read(bytes: Buffer, onBadData: 'skip' | 'stop'): string {
  const decoder = new RunDecoder({ keepsBlobs: true });
  const own = Buffer.from(bytes);
  const view = new DataView(own.buffer, own.byteOffset, own.length);
  const said = new Set<string>();
  let last = -1;
  const piece = { bytes: own, view, start: 0, end: own.length, offset: 0 };
  const scan = scanRecords(piece, false, onBadData, decoder, (offset, message) => {
    assert.ok(offset >= last && offset <= own.length, `${offset} after ${last}`);
    last = offset;
    said.add(message.replaceAll(/\d+/g, '#'));
  });
  assert.ok(scan.consumed >= 0 && scan.needed >= 0);
  for (const { tag, kind } of decoder.blobs) assert.ok(tag.length <= own.length && kind.length <= own.length);
  for (const { points } of decoder.touched) assert.ok(points.length <= own.length);
  return [...said, decoder.events, decoder.points, decoder.blobs.length, scan.stopped].join('|');
}

/** Every decoder of values, over bytes that a damaged but rightly framed record might hold. */
function decode(bytes: Buffer): void {
  const attempt = (work: () => unknown) => {
    try {
      work();
    } catch (error) {
      assert.equal((error as Error).constructor.name, 'NotAMessage');
    }
  };
  attempt(() => {
    const value = { message: parseMessage(bytes), pluginContent: bytes, displayName: '' };
    histogramOf(value);
    samplesOf(value, 'images');
    samplesOf(value, 'audio');
    textOfValue(value);
    onlyString(value);
  });
  hparamsOf([bytes]);
  layoutOf(bytes);
}

describe('a fuzz of the event file reader', function () {
  this.timeout(60 * 60_000);

  it(`of ${cases} damaged files finds no crash, no hang, and no growing memory`, () => {
    const seed = Number(process.env['SLIPWAY_TEST_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      seed ${seed}`);
    const random = randomOf(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const corpus = seeds();
    const seen = new Set(corpus.map((bytes) => read(bytes, 'stop')));
    const before = process.memoryUsage();
    let highest = 0;
    for (let n = 0; n < cases; n++) {
      const base = corpus[below(corpus.length)]!;
      const other = corpus[below(corpus.length)]!;
      const bytes = mutate(base, other, below);
      const began = performance.now();
      const outcome = read(bytes, n % 2 === 0 ? 'skip' : 'stop');
      // The data of rightly framed records is what decoders meet.
      if (n % 4 === 0) {
        const data = bytes.subarray(0, 4096);
        read(frame(data), 'skip');
        decode(data);
      }
      assert.ok(performance.now() - began < longestMs, `case ${n} of seed ${seed} took too long`);
      if (!seen.has(outcome) && corpus.length < maxCorpus) corpus.push(bytes);
      seen.add(outcome);
      if (n % 10_000 === 0) {
        const { arrayBuffers } = process.memoryUsage();
        highest = Math.max(highest, arrayBuffers - before.arrayBuffers);
      }
    }
    console.log(`      ${seen.size} kinds of outcome, ${Math.round(highest / 2 ** 20)} MiB at most`);
    assert.ok(seen.size > 100, 'the mutations reach the decoder');
    assert.ok(highest < 2 ** 29);
  });
});

/** One to four changes; checksums are mended now and then, so that the damage reaches what is behind them. */
function mutate(base: Buffer, other: Buffer, below: (limit: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(base);
  for (let change = 1 + below(4); change > 0; change--) {
    const at = below(bytes.length + 1);
    switch (below(8)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        if (at < bytes.length) bytes[at]! ^= 1 << below(8);
        break;
      case 2:
        bytes = Buffer.concat([bytes, Buffer.alloc(below(5000))]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length + 1))]);
        break;
      case 4:
        if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)]!;
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + below(16))]);
        break;
      case 6:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256), below(256)]), bytes.subarray(at)]);
        break;
      default:
        bytes = reframed(bytes, below);
    }
    if (bytes.length > maxBytes) bytes = bytes.subarray(0, maxBytes);
  }
  return Buffer.from(bytes);
}

/** The records with one of them changed inside and framed anew. */
function reframed(bytes: Buffer, below: (limit: number) => number): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (at + 16 + length > bytes.length) break;
    records.push(Buffer.from(bytes.subarray(at + 12, at + 12 + length)));
    at += 16 + length;
  }
  const chosen = records[below(Math.max(1, records.length))];
  if (!chosen) return frame(bytes);
  for (let n = 1 + below(3); n > 0 && chosen.length > 0; n--) chosen[below(chosen.length)]! ^= 1 << below(8);
  return Buffer.concat(records.map(frame));
}
