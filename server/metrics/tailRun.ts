import { type FileHandle, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { emptyColumns } from './columns.ts';
import { byteOrder, pathInRun } from './discover.ts';
import {
  type EventFileReader,
  incompleteRecord,
  type ReadOutcome,
  type ReadPosition,
  type ReadProblem,
  readMark,
  START,
} from './eventFile.ts';
import { type BlobEntry, RunDecoder } from './events.ts';

/** New points of one tag, in file order. Steps and wall times (seconds since 1970) need not rise. */
export interface ScalarBatch {
  tag: string;
  steps: Float64Array;
  wallTimes: Float64Array;
  values: Float64Array;
}

/** Where the tail of one run stands; plain JSON, to be stored with the points delivered up to it. */
export interface RunCursor {
  /** By the file's name in the run's folder. */
  files: Record<string, ReadPosition>;
  /** The plugin of each tag that has metadata: it is written once a tag, and decides what a tensor is. */
  plugins: Record<string, string>;
}

/** What is new in a run. */
export interface RunNews {
  scalars: ScalarBatch[];
  blobs: BlobEntry[];
  problems: ReadProblem[];
}

interface TailedFile {
  position: ReadPosition;
  /** As of the last read: what a look at the folder is compared with. */
  size: number;
  mtimeMs: number;
  isGone: boolean;
  /** The message of the last failure to open or read it, so that it is reported once. */
  failure: string;
}

/** The event files of one run while they grow: which of them have news, and how far they are read. */
export class TailedRun {
  readonly run: string;
  /** Where the points taken so far end. */
  readonly cursor: RunCursor = { files: {}, plugins: {} };
  private readonly logdir: string;
  private readonly files = new Map<string, TailedFile>();
  private dirty = new Set<string>();
  private decoder = new RunDecoder({ keepsBlobs: true });
  private problems: ReadProblem[] = [];
  private folderFailure = '';

  constructor(logdir: string, run: string, cursor?: RunCursor) {
    this.logdir = logdir;
    this.run = run;
    if (cursor === undefined) return;
    for (const [name, position] of Object.entries(cursor.files)) {
      this.files.set(name, { position: { ...position }, size: -1, mtimeMs: -1, isGone: false, failure: '' });
      this.cursor.files[name] = { ...position };
    }
    for (const [tag, plugin] of Object.entries(cursor.plugins)) this.decoder.tags.named(tag).plugin = plugin;
    Object.assign(this.cursor.plugins, cursor.plugins);
  }

  get hasNews(): boolean {
    return this.dirty.size > 0 || this.problems.length > 0;
  }

  /** Notes that a file of this name is there and should be read. */
  touch(name: string): void {
    if (!this.files.has(name)) {
      this.files.set(name, { position: { ...START }, size: -1, mtimeMs: -1, isGone: false, failure: '' });
    }
    this.dirty.add(name);
  }

  /** Notes that all files should be read. */
  touchAll(): void {
    for (const [name, file] of this.files) if (!file.isGone) this.dirty.add(name);
  }

  /** Asks for the size and time of a file, which should be read if they are not as they were. */
  async look(name: string): Promise<void> {
    const file = this.files.get(name);
    if (file === undefined) return this.touch(name);
    const now = await stat(path.join(this.logdir, pathInRun(this.run, name))).catch(() => undefined);
    if (now?.size !== file.size || now.mtimeMs !== file.mtimeMs) this.touch(name);
  }

  /** Notes which files are in the folder; the others keep their place in case they come back or were renamed. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, file] of this.files) file.isGone = !names.has(name);
  }

  /** Notes that the run's folder cannot be read; a message is reported once. */
  noteUnreadable(error: Error): void {
    if (this.folderFailure === error.message) return;
    this.folderFailure = error.message;
    this.problems.push({ file: this.run, offset: 0, message: `This folder cannot be read now: ${error.message}` });
  }

  /**
   * Reads about one chunk of the first file that has news.
   * @param isGrowing whether somebody may still be writing
   * @returns `reset` when a file was cut or replaced: all files of the run will be read anew from their start, and
   *   what was taken before is void
   */
  async read(reader: EventFileReader, isGrowing: boolean): Promise<'read' | 'reset'> {
    const [name] = this.dirty;
    if (name === undefined) return 'read';
    this.dirty.delete(name); // before the read, so that what is written during it counts as news
    const file = this.files.get(name)!;
    let outcome: ReadOutcome;
    try {
      outcome = await this.readFile(name, file, reader, isGrowing);
    } catch (error) {
      this.noteFailure(name, file, error as NodeJS.ErrnoException);
      return 'read';
    }
    if (outcome === 'replaced') {
      this.startOver();
      return 'reset';
    }
    if (outcome === 'more') this.dirty = new Set([name, ...this.dirty]);
    return 'read';
  }

  /** Takes what was read since the last time, and moves the cursor behind it. */
  take(): RunNews {
    const scalars = this.decoder.touched.map((tag): ScalarBatch => {
      const { length, steps, wallTimes, values } = tag.points;
      tag.points = emptyColumns();
      return {
        tag: tag.name,
        steps: steps.subarray(0, length),
        wallTimes: wallTimes.subarray(0, length),
        values: values.subarray(0, length),
      };
    });
    const news = { scalars, blobs: this.decoder.blobs, problems: this.problems };
    this.decoder.touched = [];
    this.decoder.blobs = [];
    this.problems = [];
    for (const [name, { position }] of this.files) this.cursor.files[name] = { ...position };
    for (const tag of this.decoder.newPlugins) this.cursor.plugins[tag.name] = tag.plugin;
    this.decoder.newPlugins = [];
    return news;
  }

  private async readFile(
    name: string,
    file: TailedFile,
    reader: EventFileReader,
    isGrowing: boolean,
  ): Promise<ReadOutcome> {
    await using handle = await open(path.join(this.logdir, pathInRun(this.run, name)));
    const { size, mtimeMs } = await handle.stat();
    if (file.position.offset === 0) await this.adoptRenamed(file, handle, size);
    Object.assign(file, { size, mtimeMs, isGone: false, failure: '' });
    this.decoder.file = pathInRun(this.run, name);
    const report = (offset: number, message: string) => this.report(name, offset, message);
    const outcome = await reader.readChunk(handle, size, file.position, isGrowing, this.decoder, report);
    const { offset, stopped } = file.position;
    if (!isGrowing && outcome === 'end' && !stopped && offset < size) report(offset, incompleteRecord(size - offset));
    return outcome;
  }

  /** A new file that is a renamed one of which a part has been read (log rotation) goes on where that stopped. */
  private async adoptRenamed(file: TailedFile, handle: FileHandle, size: number): Promise<void> {
    for (const [name, gone] of this.files) {
      if (!gone.isGone || gone.position.mark === null || gone.position.offset > size) continue;
      if ((await readMark(handle, gone.position.offset)) !== gone.position.mark) continue;
      file.position = gone.position;
      this.files.delete(name);
      delete this.cursor.files[name];
      return;
    }
  }

  private startOver(): void {
    this.decoder = new RunDecoder({ keepsBlobs: true });
    this.problems = [];
    this.cursor.files = {};
    this.cursor.plugins = {};
    for (const [name, file] of this.files) {
      if (file.isGone) this.files.delete(name);
      else file.position = { ...START };
    }
    this.dirty = new Set([...this.files.keys()].sort(byteOrder));
  }

  private noteFailure(name: string, file: TailedFile, error: NodeJS.ErrnoException): void {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') {
      file.isGone = true;
      return;
    }
    // Not lost, only out of reach (a NAS that is away): it is tried again at the next look.
    file.mtimeMs = -1;
    if (file.failure === error.message) return;
    file.failure = error.message;
    this.report(name, file.position.offset, `This file cannot be read now: ${error.message}`);
  }

  private report(name: string, offset: number, message: string): void {
    if (this.problems.length < MAX_PROBLEMS_PER_READ) {
      this.problems.push({ file: pathInRun(this.run, name), offset, message });
    }
  }
}

/** What is reported of one chunk stays bounded, however damaged it is. */
const MAX_PROBLEMS_PER_READ = 1000;
