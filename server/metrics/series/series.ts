/**
 * One scalar tag of a run: all its points, the sealed ones in a file, the newest in memory; which of them TensorBoard
 * would show; and any part of it, thinned out for a chart.
 */
import { appendColumns, emptyColumns, pickColumns, type ScalarColumns, sliceColumns } from '../columns.ts';
import { downsample } from '../downsample.ts';
import { decodeBlock } from './block.ts';
import { addPiece, emptyOutline, extremesOf, FIRST_STEP, FIRST_WALL, firstOf, pieceLength } from './outline.ts';

/** Where a sealed block lies. */
export interface BlockPlace {
  /** Byte in the file where the encoded block begins, and its length. */
  at: number;
  bytes: number;
  /** Index of its first point in the series. */
  start: number;
  count: number;
}

/** Reads bytes of the file of the series; the result begins at a multiple of 8 bytes of its buffer. */
export type ReadBytes = (at: number, bytes: number) => Uint8Array;

/** What of a series is wanted. */
export interface SeriesView {
  buckets: number;
  by: 'step' | 'wallTime';
  /** Both ends included. */
  from?: number | undefined;
  to?: number | undefined;
  /** `shown`: without the points that TensorBoard leaves out because steps went back. */
  points: 'shown' | 'all';
}

export interface SeriesPart {
  points: ScalarColumns;
  /** Points in the range before thinning, and how many of them are no finite number. */
  inRange: number;
  isExact: boolean;
  nan: number;
  positiveInfinity: number;
  negativeInfinity: number;
}

/** Points `[from, to)` by index. */
interface Span {
  from: number;
  to: number;
}

/** From here on a part is drawn from the outline: so many whole pieces fit into one bucket. */
const PIECES_IN_BUCKET = 2;

export class Series {
  readonly tag: string;
  /** Number in the file. */
  readonly id: number;
  count = 0;
  nonFinite = 0;
  /** Of finite values; NaN before there is one. */
  min = Number.NaN;
  max = Number.NaN;
  firstStep = Number.NaN;
  firstWallTime = Number.NaN;
  lastStep = Number.NaN;
  lastWallTime = Number.NaN;
  lastValue = Number.NaN;
  /** How often shown points went out of view: who holds what was shown before must ask again. */
  withdrawals = 0;
  readonly blocks: BlockPlace[] = [];
  /** Points that are only in memory, and the index of the first of them. */
  open = emptyColumns();
  openStart = 0;
  private readonly read: ReadBytes;
  private readonly outline = emptyOutline();
  /** What TensorBoard shows, as spans of rising steps. */
  private shown: Span[] = [];
  private hasRisingTimes = true;
  private hasRisingSteps = true;

  constructor(tag: string, id: number, read: ReadBytes) {
    this.tag = tag;
    this.id = id;
    this.read = read;
  }

  /** Points left out of view because steps went back. */
  get superseded(): number {
    return this.shown.reduce((left, { from, to }) => left - (to - from), this.count);
  }

  /** Takes points; in file order. */
  append(points: ScalarColumns): void {
    if (points.length === 0) return;
    appendColumns(this.open, points);
    const { openStart } = this;
    for (let i = 0; i < points.length; i++) this.note(points, i);
    for (let next = this.outline.pieces * pieceLength; next + pieceLength <= this.count; next += pieceLength) {
      // A piece may begin in a sealed block.
      if (next >= openStart) addPiece(this.outline, this.open, next - openStart);
      else addPiece(this.outline, this.slice(next, next + pieceLength), 0);
    }
  }

  /** Takes a block that is in the file already, at a start. */
  adopt(place: Omit<BlockPlace, 'start'>, points: ScalarColumns): void {
    this.append(points);
    this.seal([{ ...place, start: this.openStart }]);
  }

  /** The open points are in the file now. */
  seal(blocks: BlockPlace[]): void {
    this.blocks.push(...blocks);
    this.openStart += this.open.length;
    this.open = emptyColumns();
  }

  /** The points `[from, to)` by index, in file order. */
  slice(from: number, to = this.count): ScalarColumns {
    const end = Math.min(to, this.count);
    const begin = Math.min(Math.max(from, 0), end);
    const { openStart } = this;
    if (begin >= openStart) return sliceColumns(this.open, begin - openStart, end - openStart);
    let block = this.blockOf(begin);
    const first = this.blocks[block]!.start;
    let total = end - first;
    for (let i = block; i < this.blocks.length && this.blocks[i]!.start < end; i++) {
      total = Math.max(total, this.blocks[i]!.start + this.blocks[i]!.count - first);
    }
    const columns = {
      length: total,
      steps: new Float64Array(total),
      wallTimes: new Float64Array(total),
      values: new Float64Array(total),
    };
    for (; block < this.blocks.length && this.blocks[block]!.start < end; block++) {
      const { at, bytes, start } = this.blocks[block]!;
      decodeBlock(this.read(at, bytes), columns, start - first);
    }
    if (end > openStart) {
      const open = sliceColumns(this.open, 0, end - openStart);
      columns.steps.set(open.steps, openStart - first);
      columns.wallTimes.set(open.wallTimes, openStart - first);
      columns.values.set(open.values, openStart - first);
    }
    const [low, high] = [begin - first, end - first];
    return {
      length: high - low,
      steps: columns.steps.subarray(low, high),
      wallTimes: columns.wallTimes.subarray(low, high),
      values: columns.values.subarray(low, high),
    };
  }

  /** What a chart shows of a part of the series: exact, or the extremes of each bucket, see {@link downsample}. */
  part(view: SeriesView): SeriesPart {
    const spans = this.spansOf(view);
    if (spans === undefined) return this.partByScan(view);
    const inRange = spans.reduce((sum, { from, to }) => sum + to - from, 0);
    const perBucket = inRange / view.buckets;
    if (inRange > 2 * view.buckets && perBucket >= PIECES_IN_BUCKET * pieceLength) {
      return this.partByOutline(spans, inRange, Math.ceil(perBucket / pieceLength));
    }
    return partOf(downsample(this.join(spans), view.buckets));
  }

  private note({ steps, wallTimes, values }: ScalarColumns, i: number): void {
    const [step, wallTime, value] = [steps[i]!, wallTimes[i]!, values[i]!];
    if (Number.isFinite(value)) {
      if (!(value >= this.min)) this.min = value;
      if (!(value <= this.max)) this.max = value;
    } else this.nonFinite++;
    const index = this.count++;
    if (index === 0) {
      this.firstStep = step;
      this.firstWallTime = wallTime;
    } else {
      if (!(wallTime >= this.lastWallTime)) this.hasRisingTimes = false;
      if (!(step >= this.lastStep)) this.hasRisingSteps = false;
    }
    const span = this.shown.at(-1);
    if (span === undefined) this.shown.push({ from: index, to: index + 1 });
    else if (step > this.lastStep) {
      if (span.to === index) span.to = index + 1;
      else this.shown.push({ from: index, to: index + 1 });
    } else this.supersede(step, index);
    this.lastStep = step;
    this.lastWallTime = wallTime;
    this.lastValue = value;
  }

  /** Steps went back: what stands at or above `step` goes out of view, and `index` is the next that is shown. */
  private supersede(step: number, index: number): void {
    this.withdrawals++;
    for (;;) {
      const span = this.shown.at(-1);
      if (span === undefined) break;
      if (this.stepAt(span.from) >= step) {
        this.shown.pop();
        continue;
      }
      span.to = this.firstAtOrAbove(span, step, FIRST_STEP);
      break;
    }
    const last = this.shown.at(-1);
    if (last?.to === index) last.to = index + 1;
    else this.shown.push({ from: index, to: index + 1 });
  }

  /** The wanted points as spans of indexes; undefined where they are scattered. */
  private spansOf({ by, from, to, points }: SeriesView): Span[] | undefined {
    const spans = points === 'shown' ? this.shown : this.count > 0 ? [{ from: 0, to: this.count }] : [];
    if (from === undefined && to === undefined) return spans;
    const isRising = by === 'wallTime' ? this.hasRisingTimes : points === 'shown' || this.hasRisingSteps;
    if (!isRising) return undefined;
    const what = by === 'step' ? FIRST_STEP : FIRST_WALL;
    return spans.flatMap((span) => {
      const begin = from === undefined ? span.from : this.firstAtOrAbove(span, from, what);
      const end = to === undefined ? span.to : this.firstAtOrAbove(span, to, what, true);
      return begin < end ? [{ from: begin, to: end }] : [];
    });
  }

  /** Index of the first point of a rising span that is at or above (or only above) a limit; the span's end if none is. */
  private firstAtOrAbove(span: Span, limit: number, what: typeof FIRST_STEP | typeof FIRST_WALL, isAbove = false) {
    const isBelow = (number: number) => number < limit || (isAbove && number === limit);
    const firstPiece = Math.ceil(span.from / pieceLength);
    const lastPiece = Math.min(Math.floor(span.to / pieceLength), this.outline.pieces);
    // Of the whole pieces in the span: the first that begins beyond the limit. The point is in the one before it.
    let [low, high] = [firstPiece, Math.max(firstPiece, lastPiece)];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBelow(firstOf(this.outline, middle, what))) low = middle + 1;
      else high = middle;
    }
    const from = Math.max(span.from, (low - 1) * pieceLength);
    const to = low < lastPiece ? low * pieceLength : span.to;
    // What is in memory is looked at in its place: steps may go back very often.
    const [points, start] = from >= this.openStart ? [this.open, this.openStart] : [this.slice(from, to), from];
    const numbers = what === FIRST_STEP ? points.steps : points.wallTimes;
    let [begin, end] = [from, to];
    while (begin < end) {
      const middle = (begin + end) >>> 1;
      if (isBelow(numbers[middle - start]!)) begin = middle + 1;
      else end = middle;
    }
    return begin;
  }

  private partByOutline(spans: Span[], inRange: number, piecesInBucket: number): SeriesPart {
    const kept: Point[] = [];
    const counts = { nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
    const keep = (some: Point[]) => {
      some.sort((a, b) => a.index - b.index);
      for (const point of some) if (kept.at(-1)?.index !== point.index) kept.push(point);
    };
    const edge = (from: number, to: number) => {
      if (from >= to) return;
      const points = this.slice(from, to);
      const thin = downsample(points, 1);
      counts.nan += thin.nan;
      counts.positiveInfinity += thin.positiveInfinity;
      counts.negativeInfinity += thin.negativeInfinity;
      keep(thin.indexes.map((i) => pointAt(points, i, from)));
    };
    for (const span of spans) {
      const firstPiece = Math.ceil(span.from / pieceLength);
      const endPiece = Math.max(firstPiece, Math.min(Math.floor(span.to / pieceLength), this.outline.pieces));
      edge(span.from, Math.min(firstPiece * pieceLength, span.to));
      for (let piece = firstPiece; piece < endPiece; piece += piecesInBucket) {
        const extremes = extremesOf(this.outline, piece, Math.min(piece + piecesInBucket, endPiece));
        counts.nan += extremes.nan;
        counts.positiveInfinity += extremes.positiveInfinity;
        counts.negativeInfinity += extremes.negativeInfinity;
        const some: Point[] = [extremes.low, extremes.high].filter((point) => point !== undefined);
        for (const at of [extremes.nanAt, extremes.positiveAt, extremes.negativeAt])
          if (at >= 0) some.push(this.pointAt(at));
        // The first and the last point of each span are shown, so that a line reaches its ends.
        if (piece === firstPiece) some.push(this.pointAt(piece * pieceLength));
        if (piece + piecesInBucket >= endPiece) some.push(this.pointAt(endPiece * pieceLength - 1));
        keep(some);
      }
      edge(Math.max(endPiece * pieceLength, span.from), span.to);
    }
    const length = kept.length;
    const points: ScalarColumns = {
      length,
      steps: Float64Array.from(kept, ({ step }) => step),
      wallTimes: Float64Array.from(kept, ({ wallTime }) => wallTime),
      values: Float64Array.from(kept, ({ value }) => value),
    };
    return { points, inRange, isExact: false, ...counts };
  }

  /** For points in no order of the axis (clocks that went back, all points of a run that went back): reads everything. */
  private partByScan({
    by,
    from = Number.NEGATIVE_INFINITY,
    to = Number.POSITIVE_INFINITY,
    points,
    buckets,
  }: SeriesView) {
    const series = points === 'all' ? this.slice(0) : this.join(this.shown);
    return partOf(downsample(series, buckets, { by, from, to }));
  }

  private join(spans: readonly Span[]): ScalarColumns {
    const [only] = spans;
    if (only === undefined) return emptyColumns();
    if (spans.length === 1) return this.slice(only.from, only.to);
    const from = only.from;
    const all = this.slice(from, spans.at(-1)!.to);
    const total = spans.reduce((sum, span) => sum + span.to - span.from, 0);
    const indexes = new Uint32Array(total);
    let length = 0;
    for (const span of spans) for (let i = span.from; i < span.to; i++) indexes[length++] = i - from;
    return pickColumns(all, indexes);
  }

  private pointAt(index: number): Point {
    return pointAt(this.slice(index, index + 1), 0, index);
  }

  private stepAt(index: number): number {
    if (index >= this.openStart) return this.open.steps[index - this.openStart]!;
    return this.slice(index, index + 1).steps[0]!;
  }

  private blockOf(index: number): number {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.blocks[middle]!.start <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

interface Point {
  index: number;
  step: number;
  wallTime: number;
  value: number;
}

function pointAt({ steps, wallTimes, values }: ScalarColumns, i: number, firstIndex: number): Point {
  return { index: firstIndex + i, step: steps[i]!, wallTime: wallTimes[i]!, value: values[i]! };
}

function partOf({ points, total, nan, positiveInfinity, negativeInfinity }: ReturnType<typeof downsample>): SeriesPart {
  return { points, inRange: total, isExact: points.length === total, nan, positiveInfinity, negativeInfinity };
}
