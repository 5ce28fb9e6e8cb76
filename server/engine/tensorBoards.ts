/**
 * The real TensorBoard, started on demand: one process for each run, selection of runs, sweep or folder, shared by all
 * panels that show it; one scoped path for each panel.
 */
import { randomBytes } from 'node:crypto';
import { access, readFile, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve } from 'node:path';
import type { RunState } from '../domain/run/run.ts';
import { startTensorBoard, type TensorBoard } from '../metrics/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { buildEnvironment, findUv, lockEnvironment } from '../runtimes/environments/index.ts';
import { writeAtomically } from '../runtimes/writeAtomically.ts';
import type { Context } from './context.ts';
import { hasFiles } from './launchRun.ts';
import type { Operations } from './operations.ts';
import { runFolder } from './runFolder.ts';

/** What a TensorBoard shows. */
export type Shown = { runs: RunState[] } | { sweep: string } | { folder: string };

interface Board {
  key: string;
  panels: Set<string>;
  starting: Promise<TensorBoard>;
  /** When one of its panels asked for something, or was opened. */
  usedAt: number;
  stopTimer?: NodeJS.Timeout;
}

interface Panel {
  id: string;
  board: Board;
  port?: number;
}

/** How long a TensorBoard without a panel goes on: a window that reloads finds it again. */
const keptUnusedMs = 60_000;
/** How long one goes on whose panels ask for nothing: a browser tab is closed without a word. */
const keptSilentMs = 30 * 60_000;
/** Between two looks for new trials of a sweep, and for silent boards. */
const lookMs = 2000;
/** Trials of a sweep, the newest; TensorBoard itself is slow long before. */
const maxTrials = 1000;

export class TensorBoards {
  readonly #context: Context;
  readonly #operations: Operations;
  readonly #boards = new Map<string, Board>();
  /** Secret of the scoped path → the board behind it. */
  readonly #panels = new Map<string, Panel>();
  origin = '';

  constructor(context: Context, operations: Operations) {
    this.#context = context;
    this.#operations = operations;
  }

  /**
   * Opens a panel: a path of 256 random bits, for it alone.
   * @param mayInstall build an environment of ours where no TensorBoard is found; else the operation fails with
   *   `tensorboard.missing`
   * @throws SlipwayError `tensorboard.folder`
   */
  async open(shown: Shown, mayInstall: boolean) {
    if ('folder' in shown) await requireLogFolder(shown.folder);
    const key = keyOf(shown);
    const board = this.#boards.get(key) ?? this.#createBoard(key, shown, mayInstall);
    clearTimeout(board.stopTimer);
    board.usedAt = this.#context.now();
    const secret = randomBytes(32).toString('hex');
    const id = randomBytes(8).toString('hex');
    board.panels.add(secret);
    const panel: Panel = { id, board };
    this.#panels.set(secret, panel);
    const operation = await this.#operations.start('tensorboard', key, '', async (report) => {
      report({ message: 'Starting TensorBoard' });
      panel.port = (await board.starting).port;
      return { id };
    });
    return { id, operation: operation.id, url: `${this.origin}/${secret}/` };
  }

  close(id: string): void {
    for (const [secret, panel] of this.#panels) {
      if (panel.id !== id) continue;
      this.#panels.delete(secret);
      panel.board.panels.delete(secret);
      if (panel.board.panels.size === 0)
        panel.board.stopTimer = setTimeout(() => this.#stop(panel.board), keptUnusedMs).unref();
    }
  }

  target(secret: string): { host: string; port: number } | undefined {
    const panel = this.#panels.get(secret);
    if (panel?.port === undefined) return undefined;
    panel.board.usedAt = this.#context.now();
    return { host: '127.0.0.1', port: panel.port };
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#boards.values()].map(async (board) => (await board.starting).stop()));
  }

  #createBoard(key: string, shown: Shown, mayInstall: boolean): Board {
    const board: Board = { key, panels: new Set(), starting: this.#start(shown, mayInstall), usedAt: 0 };
    this.#boards.set(key, board);
    const look = setInterval(() => {
      if (this.#context.now() - board.usedAt > keptSilentMs) {
        this.#closePanels(board);
        this.#stop(board);
      } else if ('sweep' in shown) {
        this.#addTrials(board, shown).catch((error: unknown) => {
          this.#context.log('warn', `trials of ${shown.sweep} are not shown`, { error: String(error) });
        });
      }
    }, lookMs).unref();
    const gone = () => {
      clearInterval(look);
      this.#closePanels(board);
      if (this.#boards.get(key) === board) this.#boards.delete(key);
    };
    board.starting.then((tensorBoard) => tensorBoard.exited.then(gone), gone);
    return board;
  }

  #closePanels(board: Board): void {
    for (const secret of board.panels) this.#panels.delete(secret);
    board.panels.clear();
  }

  async #addTrials(board: Board, shown: Shown): Promise<void> {
    const tensorBoard = await board.starting.catch(() => undefined);
    if (this.#boards.get(board.key) === board) await tensorBoard?.add(await this.#logdirsOf(await this.#runsOf(shown)));
  }

  #stop(board: Board): void {
    if (board.panels.size > 0) return;
    this.#boards.delete(board.key);
    board.starting.then(
      (tensorBoard) => tensorBoard.stop(),
      () => {},
    );
  }

  async #start(shown: Shown, mayInstall: boolean): Promise<TensorBoard> {
    const runs = await this.#runsOf(shown);
    const python = await this.#findPython(runs, mayInstall);
    const logdirs =
      'folder' in shown
        ? [{ name: basename(resolve(shown.folder)) || 'logs', path: shown.folder }]
        : await this.#logdirsOf(runs);
    return startTensorBoard({
      command: [python, '-m', 'tensorboard.main'],
      logdirs,
      env: { ...this.#context.env, PYTHONDONTWRITEBYTECODE: '1' },
      signal: this.#context.signal,
    });
  }

  async #runsOf(shown: Shown): Promise<RunState[]> {
    if ('runs' in shown) return shown.runs;
    if ('folder' in shown) return [];
    const { engine } = this.#context;
    const rows = await engine.store.read.entities({ topic: 'runs', parent: shown.sweep, limit: maxTrials });
    const states = await Promise.all(rows.map(({ id }) => engine.state<RunState>('run', id)));
    return states.filter((state) => state !== undefined);
  }

  #logdirsOf(runs: RunState[]): Promise<{ name: string; path: string }[]> {
    return Promise.all(runs.map((run) => this.#logdirOf(run)));
  }

  /** Programs that write where they like have their event files in the working folder. */
  async #logdirOf(run: RunState): Promise<{ name: string; path: string }> {
    const folder = runFolder(this.#context.folders.runs, run.spec.id);
    const path = (await hasFiles(folder.logs)) || run.spec.collect?.logs === undefined ? folder.logs : folder.work;
    return { name: `${run.spec.title.replaceAll(/[^\w .=#-]/g, '_')} ${run.spec.id}`, path };
  }

  /** The runs' own environment if it has TensorBoard, else an environment of ours that is built for it once. */
  async #findPython(runs: RunState[], mayInstall: boolean): Promise<string> {
    for (const run of runs) {
      const environment = run.prepared?.environment;
      const script = environment && join(environment.bin, 'tensorboard');
      if (script && (await isThere(script))) return join(environment.bin, 'python');
    }
    const root = this.#context.folders.environments;
    const known = join(root, 'tensorboard.json');
    const installed = await readFile(known, 'utf8').then(
      (text) => (JSON.parse(text) as { python: string }).python,
      () => '',
    );
    if (installed !== '' && (await isThere(installed))) return installed;
    if (!mayInstall) {
      throw new SlipwayError(
        'tensorboard.missing',
        'TensorBoard is in none of the environments of these runs.',
        'Let Slipway install it into an environment of its own, or add tensorboard to the requirements of your project.',
        424,
      );
    }
    const onProgress = (line: string) => this.#context.log('info', `tensorboard: ${line}`);
    try {
      const uv = await findUv({ root, env: this.#context.env, onProgress, signal: this.#context.signal });
      const request = { root, uv, folder: this.#context.folders.data, onProgress, signal: this.#context.signal };
      // setuptools: TensorBoard imports pkg_resources, which left setuptools with version 81.
      const lock = await lockEnvironment({ packages: ['tensorboard>=2.19', 'setuptools<81'] }, request);
      const { python } = await buildEnvironment(lock, request);
      await writeAtomically(known, JSON.stringify({ python }));
      return python;
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      const hint = 'Add tensorboard to the requirements of your project, or make the package index reachable.';
      throw new SlipwayError('tensorboard.missing', `TensorBoard could not be installed: ${error.message}`, hint, 424, {
        cause: error,
      });
    }
  }
}

/** Two panels of the same key share one process. */
function keyOf(shown: Shown): string {
  if ('sweep' in shown) return shown.sweep;
  if ('folder' in shown) return resolve(shown.folder);
  return shown.runs
    .map((run) => run.spec.id)
    .sort()
    .join(',');
}

async function requireLogFolder(folder: string): Promise<void> {
  const isFolder =
    isAbsolute(folder) &&
    (await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    ));
  if (isFolder) return;
  throw new SlipwayError('tensorboard.folder', `${folder} is no folder.`, 'Name a folder by its absolute path.', 404);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
