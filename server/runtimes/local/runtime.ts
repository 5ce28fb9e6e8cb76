/**
 * The local runtime: each workload is a folder below one root and a launcher (local/launcher.ts) that outlives us.
 * This side writes what is wanted into the folder, starts launchers, and reads what the launchers write; it holds no
 * state that cannot be read again. The root lies on a local disk: its locks are the kernel's.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { SlipwayError } from '../../protocol/errors.ts';
import { checkId, checkWorkload } from '../check.ts';
import { Observations } from '../observations.ts';
import {
  type Capacity,
  type LogChunk,
  type LogRequest,
  type Observed,
  type OpenTarget,
  type Runtime,
  type Workload,
  workloadIdPattern,
} from '../runtime.ts';
import { watchCapacity } from './capacity.ts';
import { onFolderChange } from './changes.ts';
import {
  createRecord,
  type Exited,
  exists,
  files,
  type Started,
  type StopRequest,
  type StoredWorkload,
  writeError,
  writeRecord,
} from './folder.ts';
import { readGpus } from './gpus.ts';
import { type LauncherOptions, spawnLauncher } from './launch.ts';
import { isLeasedToOthers, type Leases, leaseFolder } from './leases.ts';
import { readLog } from './log.ts';
import { isRunning, readBootId, readMark, sendSignal } from './processes.ts';
import { readExited, readStarted, readWorkload } from './records.ts';
import { settle } from './settle.ts';
import { openCommand, openPort } from './stream.ts';

export interface LocalRuntimeOptions extends LauncherOptions {
  /** Absolute folder for the workloads' folders; made with mode 0700. */
  root: string;
  /** How long an adopted workload that has not begun may wait for its launcher before it is declared never to begin. */
  launchGraceMs?: number;
  /** Told about workloads whose state cannot be read or settled at the moment; it is tried again. */
  onProblem?: (error: unknown) => void;
}

const LAUNCH_GRACE_MS = 15_000;
/** How often the launchers are looked at that can no longer report: everything else is watched. */
const LIVENESS_MS = 3000;

/** A workload that has not ended, as far as we know. */
interface Tracked {
  since: number;
  /** A launcher that we started ourselves has ended. */
  hasLauncherExited: boolean;
  /** The look at it that is going on, and whether another one was asked for meanwhile. */
  checking: Promise<void> | undefined;
  isStale: boolean;
  stopWatching: () => void;
}

export class LocalRuntime implements Runtime {
  readonly #options: LocalRuntimeOptions;
  readonly #observations = new Observations();
  readonly #tracked = new Map<string, Tracked>();
  readonly #liveness: NodeJS.Timeout;

  constructor(options: LocalRuntimeOptions) {
    if (process.platform === 'win32') {
      const hint = 'Use WSL, a remote window, or a cluster.';
      throw new SlipwayError('runtime.unsupported', 'Workloads do not run on Windows itself.', hint, 501);
    }
    this.#options = options;
    this.#liveness = setInterval(() => {
      for (const id of this.#tracked.keys()) void this.#check(id);
    }, LIVENESS_MS).unref();
  }

  /** Stops looking; the workloads go on. */
  close(): void {
    clearInterval(this.#liveness);
    for (const id of [...this.#tracked.keys()]) this.#untrack(id);
  }

  async start(workload: Workload): Promise<void> {
    checkWorkload(workload);
    const folder = await this.#makeFolder(workload.id);
    const mark = `${workload.id}/${randomBytes(12).toString('hex')}`;
    const leases = await this.#leasesOf(workload);
    const isNew = await createRecord(folder, files.workload, { ...workload, mark, leases });
    if (!isNew) checkSame((await readWorkload(folder))!, workload);
    // What was told before may be that there was no trace of it.
    if (!this.#tracked.has(workload.id)) this.#observations.forget(workload.id);
    const tracked = this.#track(workload.id);
    if (!(await exists(join(folder, files.exited))) && !(await exists(join(folder, files.started)))) {
      tracked.since = Date.now();
      await spawnLauncher(workload.id, folder, this.#options, () => {
        tracked.hasLauncherExited = true;
        void this.#check(workload.id);
      });
    }
    await this.#check(workload.id);
  }

  async observe(id: string): Promise<void> {
    const folder = this.#folder(id);
    if (!(await exists(join(folder, files.workload)))) {
      const detail = `${this.#options.root} holds no trace of it.`;
      this.#observations.publish({ type: 'ended', id, ...lostNow(detail) });
      return;
    }
    this.#track(id);
    // An earlier control plane may have died between writing the request and passing it on.
    if (await exists(join(folder, files.stop))) await this.#signalLauncher(folder);
    await this.#check(id);
  }

  async stop(id: string, reason: string, graceMs: number): Promise<void> {
    const folder = await this.#makeFolder(id);
    if (await exists(join(folder, files.exited))) return;
    await writeRecord(folder, files.stop, { at: Date.now(), reason, graceMs } satisfies StopRequest);
    await this.#signalLauncher(folder);
  }

  watch(signal: AbortSignal): AsyncIterable<Observed> {
    return this.#observations.watch(signal);
  }

  async *logs(id: string, request: LogRequest): AsyncGenerator<LogChunk> {
    await this.#read(id);
    yield* readLog(this.#folder(id), request);
  }

  async open(id: string, target: OpenTarget): Promise<Duplex> {
    const workload = await this.#read(id);
    const exited = await readExited(this.#folder(id));
    if (exited) {
      throw new SlipwayError('workload.ended', `${id} has ended: ${exited.detail}`, 'Start it again first.', 409);
    }
    return 'port' in target ? openPort(id, target.port) : openCommand(workload, target.command);
  }

  capacity(signal: AbortSignal): AsyncIterable<Capacity> {
    return watchCapacity(signal, {
      isOurs: (pid) => this.#isOurs(pid),
      isLeased: async (gpu) => isLeasedToOthers(await leaseFolder(process.env), gpu, this.#options.root),
    });
  }

  #folder(id: string): string {
    checkId(id);
    return join(this.#options.root, id);
  }

  async #makeFolder(id: string): Promise<string> {
    const folder = this.#folder(id);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(this.#options.root, 0o700);
    } catch (error) {
      throw writeError(error, folder);
    }
    return folder;
  }

  async #read(id: string): Promise<StoredWorkload> {
    const workload = await readWorkload(this.#folder(id));
    if (workload) return workload;
    throw new SlipwayError('workload.unknown', `There is no workload ${id} on this machine.`, '', 404);
  }

  /** Tells a launcher that is up to look at stop.json; one that is not up yet looks by itself. */
  async #signalLauncher(folder: string): Promise<void> {
    const started = await readStarted(folder);
    if (started && (await isLauncherRunning(started))) sendSignal(started.launcher.pid, 'SIGTERM');
  }

  #track(id: string): Tracked {
    const known = this.#tracked.get(id);
    if (known) return known;
    const stopWatching = onFolderChange(this.#folder(id), (name) => {
      if (name !== files.log) void this.#check(id);
    });
    const tracked: Tracked = {
      since: Date.now(),
      hasLauncherExited: false,
      checking: undefined,
      isStale: false,
      stopWatching,
    };
    this.#tracked.set(id, tracked);
    return tracked;
  }

  #untrack(id: string): void {
    this.#tracked.get(id)?.stopWatching();
    this.#tracked.delete(id);
  }

  /** Looks at a workload, one look at a time; a change during a look brings another one. */
  async #check(id: string): Promise<void> {
    const tracked = this.#tracked.get(id);
    if (!tracked) return;
    tracked.isStale = true;
    tracked.checking ??= this.#checkUntilFresh(id, tracked).finally(() => {
      tracked.checking = undefined;
    });
    await tracked.checking;
  }

  async #checkUntilFresh(id: string, tracked: Tracked): Promise<void> {
    try {
      while (tracked.isStale && this.#tracked.get(id) === tracked) {
        tracked.isStale = false;
        await this.#look(id, tracked);
      }
    } catch (error) {
      (this.#options.onProblem ?? console.error)(error);
    }
  }

  async #look(id: string, tracked: Tracked): Promise<void> {
    const folder = this.#folder(id);
    // In this order: exited.json is written last, so started.json is complete when it is there.
    const exited = await readExited(folder).catch(lostIfDamaged);
    const started = await readStarted(folder);
    if (started?.work) {
      const { at, host, bootId, work } = started;
      this.#observations.publish({ type: 'started', id, at, pid: work.pid, host, bootId });
    }
    if (exited) {
      this.#untrack(id);
      this.#observations.publish({ type: 'ended', id, ...exited });
      return;
    }
    if (!started && !(await exists(join(folder, files.workload)))) {
      this.#untrack(id);
      this.#observations.publish({ type: 'ended', id, ...lostNow(`Somebody deleted its folder ${folder}.`) });
      return;
    }
    if (started && (await isLauncherRunning(started))) return;
    const { launchGraceMs = LAUNCH_GRACE_MS } = this.#options;
    const mayFence = tracked.hasLauncherExited || Date.now() >= tracked.since + launchGraceMs;
    if ((started || mayFence) && (await settle(folder, mayFence))) tracked.isStale = true;
  }

  async #leasesOf({ id, gpus = [] }: Workload): Promise<Leases | undefined> {
    if (gpus.length === 0) return undefined;
    const { gpus: known, problems } = await readGpus((pid) => this.#isOurs(pid));
    const ids = gpus.map((index) => known.find((gpu) => gpu.index === index)?.uuid);
    const missing = gpus.filter((_, i) => ids[i] === undefined);
    if (missing.length > 0) {
      const message = `GPU ${missing.join(', ')}, which was given to ${id}, is not there.`;
      throw new SlipwayError('gpus.gone', message, problems[0] ?? 'See nvidia-smi -L.');
    }
    return { folder: await leaseFolder(process.env), gpus: ids as string[], owner: this.#options.root };
  }

  async #isOurs(pid: number): Promise<boolean> {
    const mark = await readMark(pid);
    const id = mark?.split('/', 1)[0];
    if (!id || !workloadIdPattern.test(id)) return false;
    return (await readWorkload(this.#folder(id)))?.mark === mark;
  }
}

async function isLauncherRunning({ bootId, launcher }: Started): Promise<boolean> {
  return bootId === (await readBootId()) && (await isRunning(launcher));
}

/** A record that cannot be read says that the workload ended, and nothing else. */
function lostIfDamaged(error: unknown): Exited {
  if (error instanceof SlipwayError && error.code === 'runtime.recordDamaged') return lostNow(error.message);
  throw error;
}

function lostNow(detail: string): Exited {
  return { at: Date.now(), exitCode: null, signal: null, reason: 'lost', detail };
}

/** The environment may differ: tokens in it are made anew, and the first start has settled it. */
function checkSame(stored: StoredWorkload, { id, kind, command, cwd }: Workload): void {
  if (isDeepStrictEqual([stored.kind, stored.command, stored.cwd], [kind, command, cwd])) return;
  const message = `The workload ${id} was started before with another command or folder.`;
  throw new SlipwayError('runtime.idTaken', message, 'A new attempt needs an id of its own.', 409);
}
