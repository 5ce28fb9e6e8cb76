/** The real TensorBoard, started on demand: one process for each selection of runs, one scoped path for each panel. */
import { randomBytes } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunState } from '../domain/run/run.ts';
import { startTensorBoard, type TensorBoard } from '../metrics/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { buildEnvironment, findUv, lockEnvironment } from '../runtimes/environments/index.ts';
import type { Context } from './context.ts';
import { hasFiles } from './launchRun.ts';
import type { Operations } from './operations.ts';
import { runFolder } from './runFolder.ts';

interface Board {
  key: string;
  panels: Set<string>;
  starting: Promise<TensorBoard>;
  stopTimer?: NodeJS.Timeout;
}

/** How long a TensorBoard without a panel goes on: a window that reloads finds it again. */
const keptUnusedMs = 60_000;

export class TensorBoards {
  readonly #context: Context;
  readonly #operations: Operations;
  readonly #boards = new Map<string, Board>();
  /** Secret of the scoped path → the board behind it. */
  readonly #panels = new Map<string, { id: string; board: Board; port?: number }>();
  origin = '';

  constructor(context: Context, operations: Operations) {
    this.#context = context;
    this.#operations = operations;
  }

  /** Opens a panel: a path of 256 random bits, for it alone. */
  async open(runs: RunState[]) {
    const key = runs
      .map((run) => run.spec.id)
      .sort()
      .join(',');
    const board = this.#boards.get(key) ?? this.#createBoard(key, runs);
    clearTimeout(board.stopTimer);
    const secret = randomBytes(32).toString('hex');
    const id = randomBytes(8).toString('hex');
    board.panels.add(secret);
    const panel: { id: string; board: Board; port?: number } = { id, board };
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
    const port = this.#panels.get(secret)?.port;
    return port === undefined ? undefined : { host: '127.0.0.1', port };
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#boards.values()].map(async (board) => (await board.starting).stop()));
  }

  #createBoard(key: string, runs: RunState[]): Board {
    const board: Board = { key, panels: new Set(), starting: this.#start(runs) };
    this.#boards.set(key, board);
    const gone = () => {
      if (this.#boards.get(key) === board) this.#boards.delete(key);
    };
    board.starting.then((tensorBoard) => tensorBoard.exited.then(gone), gone);
    return board;
  }

  #stop(board: Board): void {
    if (board.panels.size > 0) return;
    this.#boards.delete(board.key);
    board.starting.then(
      (tensorBoard) => tensorBoard.stop(),
      () => {},
    );
  }

  async #start(runs: RunState[]): Promise<TensorBoard> {
    const python = await this.#findPython(runs);
    const logdirs = await Promise.all(runs.map((run) => this.#logdirOf(run)));
    return startTensorBoard({
      command: [python, '-m', 'tensorboard.main'],
      logdirs,
      env: { ...this.#context.env, PYTHONDONTWRITEBYTECODE: '1' },
      signal: this.#context.signal,
    });
  }

  /** Programs that write where they like have their event files in the working folder. */
  async #logdirOf(run: RunState): Promise<{ name: string; path: string }> {
    const folder = runFolder(this.#context.folders.runs, run.spec.id);
    const path = (await hasFiles(folder.logs)) || run.spec.collect?.logs === undefined ? folder.logs : folder.work;
    return { name: `${run.spec.title.replaceAll(/[^\w .=#-]/g, '_')} ${run.spec.id}`, path };
  }

  /** The runs' own environment if it has TensorBoard, else an environment of ours that is built for it once. */
  async #findPython(runs: RunState[]): Promise<string> {
    for (const run of runs) {
      const environment = run.prepared?.environment;
      const script = environment && join(environment.bin, 'tensorboard');
      if (script && (await isThere(script))) return join(environment.bin, 'python');
    }
    const root = this.#context.folders.environments;
    const onProgress = (line: string) => this.#context.log('info', `tensorboard: ${line}`);
    try {
      const uv = await findUv({ root, env: this.#context.env, onProgress, signal: this.#context.signal });
      const request = { root, uv, folder: this.#context.folders.data, onProgress, signal: this.#context.signal };
      // setuptools: TensorBoard imports pkg_resources, which left setuptools with version 81.
      const lock = await lockEnvironment({ packages: ['tensorboard>=2.19', 'setuptools<81'] }, request);
      return (await buildEnvironment(lock, request)).python;
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      const hint = 'Add tensorboard to the requirements of your project, or make the package index reachable.';
      throw new SlipwayError('tensorboard.missing', `TensorBoard could not be installed: ${error.message}`, hint, 424, {
        cause: error,
      });
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
