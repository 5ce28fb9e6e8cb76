import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isEventFile, listLogdir, pathInRun } from './discover.ts';
import { EventFileReader } from './eventFile.ts';
import { FolderWatch } from './folderWatch.ts';
import { type RunCursor, type RunNews, TailedRun } from './tailRun.ts';

/** What a tail delivers: the news of one run, and the cursor behind them. */
export interface TailDelivery extends RunNews {
  /** The folder relative to the log folder, with `/`; `.` is the log folder itself. */
  run: string;
  /**
   * A file of the run was cut or replaced: everything delivered of this run before is void, and what its files hold
   * now follows from the start.
   */
  isReset: boolean;
  /** Stored together with these news, it continues after them. Changes after the handler has returned. */
  cursor: RunCursor;
}

export interface TailOptions {
  /** Ends the tail at once. */
  signal: AbortSignal;
  /**
   * Gets the news in order, a run's next ones only after its promise is fulfilled (back-pressure); different runs'
   * may overlap. When it throws, the tail ends and `done` is rejected with its error.
   */
  onDelivery(delivery: TailDelivery): void | Promise<void>;
  /** Where to go on, by run, from an earlier tail. */
  cursors?: Readonly<Record<string, RunCursor>>;
  /** The time between two looks at all files, for file systems that send no events. */
  rescanMs?: number;
}

export interface Tail {
  /** Fulfilled when all that was there at the start has been delivered (or the tail has ended). */
  caughtUp: Promise<void>;
  /** Fulfilled when the tail has ended; rejected with what `onDelivery` threw. */
  done: Promise<void>;
  /** Looks at all files now, also where no notice of a change came, and delivers what is there. */
  look(): Promise<void>;
  /** The writers have ended: looks once more, delivers the rest (an incomplete last record is now a problem), ends. */
  finish(): Promise<void>;
}

const DEFAULT_RESCAN_MS = 2000;
/** Files read at the same time: hides the latency of a NAS without holding many buffers. */
const MAX_READERS = 4;
/** Files asked for their size at the same time. */
const MAX_STATS = 16;

/**
 * Follows all event files under a log folder, which need not exist yet: file system events for speed, a slow look
 * at everything as the fallback. A run's points come in file order; of several files, those there at the start in
 * name order, then as they are written.
 */
export function tailLogdir(logdir: string, options: TailOptions): Tail {
  const tail = new LogdirTail(logdir, options);
  const done = tail.follow();
  return { caughtUp: tail.caughtUp.promise, done, look: () => tail.lookOnce(), finish: () => tail.finish(done) };
}

class LogdirTail {
  readonly caughtUp = Promise.withResolvers<void>();
  private readonly logdir: string;
  private readonly options: TailOptions;
  private readonly ending = new AbortController();
  private readonly ended: AbortSignal;
  private readonly watch: FolderWatch;
  private rootInode = 0;
  private readonly runs = new Map<string, TailedRun>();
  /** Runs with news that nobody reads yet, and runs that somebody reads. */
  private readonly queue = new Set<TailedRun>();
  private readonly busy = new Set<TailedRun>();
  private readonly idleReaders = Array.from({ length: MAX_READERS }, () => new EventFileReader('skip'));
  private idleWaiters: (() => void)[] = [];
  private failure: { error: unknown } | undefined;
  private isGrowing = true;

  constructor(logdir: string, options: TailOptions) {
    this.logdir = logdir;
    this.options = options;
    this.ended = AbortSignal.any([options.signal, this.ending.signal]);
    this.watch = new FolderWatch(logdir, (folder, name, isNewOrGone) => this.onChange(folder, name, isNewOrGone));
    for (const [run, cursor] of Object.entries(options.cursors ?? {})) {
      this.runs.set(run, new TailedRun(logdir, run, cursor));
    }
  }

  async follow(): Promise<void> {
    try {
      while (!this.ended.aborted) {
        await this.lookAtAll();
        void this.idle().then(() => this.caughtUp.resolve());
        await pause(this.options.rescanMs ?? DEFAULT_RESCAN_MS, this.ended);
      }
    } finally {
      this.watch.close();
      this.queue.clear();
      await this.idle();
      this.caughtUp.resolve();
    }
    if (this.failure !== undefined) throw this.failure.error;
  }

  async lookOnce(): Promise<void> {
    await this.lookAtAll();
    await this.idle();
  }

  async finish(done: Promise<void>): Promise<void> {
    await this.idle();
    this.isGrowing = false;
    await this.lookAtAll();
    for (const run of this.runs.values()) {
      run.touchAll();
      this.enqueue(run);
    }
    await this.idle();
    this.ending.abort();
    await done;
  }

  private onChange(folder: string, name: string, isNewOrGone: boolean): void {
    if (isEventFile(name)) {
      const run = this.runOf(folder);
      run.touch(name);
      this.enqueue(run);
    } else if (isNewOrGone) {
      this.lookAtNew(pathInRun(folder, name)).catch((error) => this.fail(error));
    }
  }

  /** Looks at a folder that may have appeared. */
  private async lookAtNew(folder: string): Promise<void> {
    this.watch.removeTree(folder);
    const found = await stat(path.join(this.logdir, folder)).catch(() => undefined);
    if (!found?.isDirectory()) return;
    await this.look(folder);
  }

  private async lookAtAll(): Promise<void> {
    const root = await stat(this.logdir).catch(() => undefined);
    if (root?.ino !== this.rootInode) this.watch.removeTree('.');
    this.rootInode = root?.ino ?? 0;
    await this.look('.');
  }

  /** Lists a folder with all below it, and enqueues the runs whose files are not as they were. */
  private async look(from: string): Promise<void> {
    const { runs, unreadable } = await listLogdir(this.logdir, from, (folder) => {
      if (!this.ended.aborted) this.watch.add(folder);
    });
    for (const { folder, error } of unreadable) this.runOf(folder).noteUnreadable(error);
    // Before new files are read, because one of them may be one of the gone, renamed.
    if (from === '.') for (const [name, run] of this.runs) run.keepOnly(new Set(runs.get(name)));
    const files = [...runs].flatMap(([run, names]) => names.map((name) => ({ run: this.runOf(run), name })));
    for (let i = 0; i < files.length && !this.ended.aborted; i += MAX_STATS) {
      const some = files.slice(i, i + MAX_STATS);
      await Promise.all(some.map(({ run, name }) => run.look(name)));
      for (const { run } of some) this.enqueue(run);
    }
  }

  private runOf(name: string): TailedRun {
    const run = this.runs.get(name) ?? new TailedRun(this.logdir, name);
    this.runs.set(name, run);
    return run;
  }

  private enqueue(run: TailedRun): void {
    if (!run.hasNews || this.busy.has(run) || this.ended.aborted) return;
    this.queue.add(run);
    this.startReaders();
  }

  private startReaders(): void {
    for (const run of this.queue) {
      const reader = this.idleReaders.pop();
      if (reader === undefined) return;
      this.queue.delete(run);
      this.busy.add(run);
      void this.read(run, reader);
    }
  }

  /** Reads one chunk of a run and delivers it; what is left goes to the end of the queue. */
  private async read(run: TailedRun, reader: EventFileReader): Promise<void> {
    try {
      const isReset = (await run.read(reader, this.isGrowing)) === 'reset';
      const news = run.take();
      const count = news.scalars.length + news.blobs.length + news.problems.length;
      if ((count > 0 || isReset) && !this.ended.aborted) {
        await this.options.onDelivery({ run: run.run, isReset, ...news, cursor: run.cursor });
      }
    } catch (error) {
      this.fail(error);
    }
    this.busy.delete(run);
    this.idleReaders.push(reader);
    this.enqueue(run);
    this.startReaders();
    if (!this.isIdle) return;
    for (const wake of this.idleWaiters.splice(0)) wake();
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.ending.abort();
  }

  private get isIdle(): boolean {
    return this.busy.size === 0 && (this.queue.size === 0 || this.ended.aborted);
  }

  private async idle(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((wake) => this.idleWaiters.push(wake));
  }
}

/** Waits, or until the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((wake) => {
    if (signal.aborted) return wake();
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      wake();
    }
  });
}
