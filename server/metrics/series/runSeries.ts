/**
 * Everything that a run's event files hold, as pages ask for it: all scalar points in columns on disk, where values
 * that are no scalars stand, and how far the files have been read. A cache of the event files: what is lost is read
 * again, from the last checkpoint on or from the start.
 */
import type { ScalarColumns } from '../columns.ts';
import type { ReadProblem } from '../eventFile.ts';
import type { BlobEntry } from '../events.ts';
import type { TailDelivery } from '../tail.ts';
import type { RunCursor } from '../tailRun.ts';
import { blockCount, decodeBlock, encodeBlock } from './block.ts';
import { type BlockPlace, Series } from './series.ts';
import { jsonContent, recordKinds, SeriesFile } from './seriesFile.ts';

/** Where reading stands: by log folder, then by folder in it. */
export type Cursors = Record<string, Record<string, RunCursor>>;

/** A value that is no scalar. */
export interface MediaEntry extends BlobEntry {
  /** Which of the run's log folders the file is in. */
  logdir: string;
  /** The tag's name in the run; `tag` is as it stands in the file. */
  name: string;
}

/** Values of one tag that are no scalars. */
export interface Media {
  tag: string;
  kind: string;
  entries: MediaEntry[];
}

interface Checkpoint {
  cursors: Cursors;
  problems: ReadProblem[];
  owners: [tag: string, writer: string][];
}

/** A whole block; a shorter one is written at a checkpoint only. */
const BLOCK_POINTS = 4096;
/** Points in memory only; beyond, they are written and a checkpoint is made. 24 bytes each. */
const MAX_OPEN_POINTS = 1_000_000;
/** Values that are no scalars, in memory: a tag beyond it keeps its first and then every second, fourth, …; files keep all. */
const MAX_ENTRIES_PER_TAG = 10_000;
const MAX_PROBLEMS = 100;

export class RunSeries {
  /** Rises when everything before is void. */
  generation = 1;
  /** Tags that changed since somebody last took them. */
  readonly changed = new Set<string>();
  /** Damage that was found, the first of it. */
  problems: ReadProblem[] = [];
  private readonly file: SeriesFile;
  private readonly series = new Map<string, Series>();
  private readonly mediaByTag = new Map<string, Media>();
  /** Tags by the folder that wrote them first: another folder's tag of that name gets the folder's name before it. */
  private owners = new Map<string, string>();
  private names = new Map<string, Map<string, string>>();
  private cursors: Cursors = {};
  private openPoints = 0;
  private newMedia: MediaEntry[] = [];
  private nextId = 0;

  /** @param file where the columns lie, or are to */
  constructor(file: string) {
    this.file = SeriesFile.open(file);
    try {
      this.load();
    } catch (error) {
      // Intact records that do not fit together were written by another version: they are read anew.
      if (!(error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError)) throw error;
      this.reset();
    }
  }

  /** Where each tail goes on. */
  cursorsOf(logdir: string): Record<string, RunCursor> {
    return structuredClone(this.cursors[logdir] ?? {});
  }

  /**
   * Takes what a tail delivered of one folder. Its cursor is kept, and stored at the next checkpoint as it is then.
   */
  append(logdir: string, { run: folder, scalars, blobs, problems, cursor }: Omit<TailDelivery, 'isReset'>): void {
    this.problems.push(...problems.slice(0, Math.max(0, MAX_PROBLEMS - this.problems.length)));
    for (const { tag, steps, wallTimes, values } of scalars) {
      const name = this.nameOf(logdir, folder, tag);
      const series = this.series.get(name) ?? this.make(name);
      series.append({ length: steps.length, steps, wallTimes, values });
      this.openPoints += steps.length;
      this.changed.add(name);
    }
    for (const blob of blobs) {
      const entry = { ...blob, name: this.nameOf(logdir, folder, blob.tag), logdir };
      this.newMedia.push(entry);
      this.addMedia(entry);
      this.changed.add(entry.name);
    }
    this.cursors[logdir] ??= {};
    this.cursors[logdir][folder] = cursor;
    if (this.openPoints > MAX_OPEN_POINTS) this.checkpoint();
  }

  /** Writes what is in memory only, and how far the event files have been read. */
  checkpoint(): void {
    for (const series of this.series.values()) {
      if (series.open.length > 0) series.seal(this.writeBlocks(series));
    }
    if (this.newMedia.length > 0) this.file.append(recordKinds.media, 0, jsonContent(this.newMedia));
    this.newMedia = [];
    const { cursors, problems } = this;
    const state: Checkpoint = { cursors, problems, owners: [...this.owners] };
    this.file.append(recordKinds.checkpoint, 0, jsonContent(state));
    this.file.flush();
    this.openPoints = 0;
  }

  /** Forgets everything: a file was cut or replaced, and all is read again. */
  reset(): void {
    this.file.clear();
    this.series.clear();
    this.mediaByTag.clear();
    this.owners.clear();
    this.names.clear();
    this.changed.clear();
    this.problems = [];
    this.cursors = {};
    this.newMedia = [];
    this.openPoints = 0;
    this.nextId = 0;
    this.generation++;
  }

  get(tag: string): Series | undefined {
    return this.series.get(tag);
  }

  /** Scalar tags in the order in which they appeared. */
  all(): Iterable<Series> {
    return this.series.values();
  }

  get size(): number {
    return this.series.size;
  }

  media(): Iterable<Media> {
    return this.mediaByTag.values();
  }

  mediaOf(tag: string): Media | undefined {
    return this.mediaByTag.get(tag);
  }

  /** Of the columns on disk. */
  get bytes(): number {
    return this.file.bytes;
  }

  /** Nothing may be asked afterwards. What is only in memory is given up: the event files have it. */
  close(): void {
    this.file.close();
  }

  private load(): void {
    const byId = new Map<number, Series>();
    for (const { kind, id, content, at } of this.file.stored()) {
      if (kind === recordKinds.tag) byId.set(id, this.make(JSON.parse(Buffer.from(content).toString()) as string, id));
      else if (kind === recordKinds.block) {
        const length = blockCount(content);
        byId.get(id)!.adopt({ at, bytes: content.length, count: length }, decoded(content, length));
      } else if (kind === recordKinds.media) {
        for (const entry of JSON.parse(Buffer.from(content).toString()) as MediaEntry[]) this.addMedia(entry);
      } else if (kind === recordKinds.checkpoint) {
        const state = JSON.parse(Buffer.from(content).toString()) as Checkpoint;
        this.cursors = state.cursors;
        this.problems = state.problems;
        this.owners = new Map(state.owners);
      }
    }
  }

  /** @param id of a tag that is in the file already */
  private make(tag: string, id?: number): Series {
    const number = id ?? this.nextId;
    this.nextId = Math.max(this.nextId, number + 1);
    if (id === undefined) this.file.append(recordKinds.tag, number, jsonContent(tag));
    const series = new Series(tag, number, (at, bytes) => this.file.read(at, bytes));
    this.series.set(tag, series);
    return series;
  }

  private writeBlocks(series: Series): BlockPlace[] {
    const places: BlockPlace[] = [];
    const { open, openStart } = series;
    for (let from = 0; from < open.length; from += BLOCK_POINTS) {
      const to = Math.min(from + BLOCK_POINTS, open.length);
      const content = encodeBlock(open, from, to);
      const at = this.file.append(recordKinds.block, series.id, content);
      places.push({ at, bytes: content.length, start: openStart + from, count: to - from });
    }
    return places;
  }

  private addMedia(entry: MediaEntry): void {
    const media = this.mediaByTag.get(entry.name) ?? { tag: entry.name, kind: entry.kind, entries: [] };
    this.mediaByTag.set(entry.name, media);
    media.entries.push(entry);
    if (media.entries.length > MAX_ENTRIES_PER_TAG) media.entries = media.entries.filter((_, i) => i % 2 === 0);
  }

  /**
   * The name of a tag in the run. Programs that write several folders (`train`, `validation`, as Keras does) write the
   * same tags in them: the first folder's keep their name, others' get the folder's before it.
   */
  private nameOf(logdir: string, folder: string, tag: string): string {
    const writer = `${logdir}\n${folder}`;
    const names = this.names.get(writer) ?? new Map<string, string>();
    this.names.set(writer, names);
    const known = names.get(tag);
    if (known !== undefined) return known;
    if (!this.owners.has(tag)) this.owners.set(tag, writer);
    const name = this.owners.get(tag) === writer ? tag : `${folder === '.' ? logdir : folder}/${tag}`;
    names.set(tag, name);
    return name;
  }
}

function decoded(block: Uint8Array, length: number): ScalarColumns {
  const columns = {
    length,
    steps: new Float64Array(length),
    wallTimes: new Float64Array(length),
    values: new Float64Array(length),
  };
  decodeBlock(block, columns, 0);
  return columns;
}
