import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { Pipeline, Run } from '../../server/protocol/entities.ts';
import { errorBody } from '../../server/protocol/errors.ts';
import type { ServerMessage } from '../../server/protocol/events.ts';
import type { ApiClient } from '../client/api.ts';
import type { Connection } from '../client/connection.ts';
import { t } from '../text/language.ts';
import { exitStatusOf, stepLines, type TaskStep } from './taskStep.ts';

const ctrlC = '\x03';

/**
 * The terminal of a task: starts the step, shows what it prints, ends with its exit status. What runs belongs to the
 * control plane: closing the terminal or the editor leaves it running, Ctrl+C stops it.
 */
export class StepTerminal implements vscode.Pseudoterminal {
  private readonly connection: Connection;
  private readonly folder: string;
  private readonly step: TaskStep;
  private readonly written = new vscode.EventEmitter<string>();
  private readonly ended = new vscode.EventEmitter<number>();
  private readonly subscriptions: (() => void)[] = [];
  private stop = (): Promise<unknown> => Promise.resolve();
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.ended.event;

  constructor(connection: Connection, folder: string, step: TaskStep) {
    this.connection = connection;
    this.folder = folder;
    this.step = step;
  }

  open(): void {
    void this.perform().catch((error: unknown) => this.fail(error));
  }

  close(): void {
    for (const end of this.subscriptions.splice(0)) end();
  }

  handleInput(data: string): void {
    if (data !== ctrlC) return;
    this.line(t('Stopping…'));
    void this.stop().catch((error: unknown) => this.fail(error));
  }

  private async perform(): Promise<void> {
    const api = await this.connection.use();
    if (this.step.run === 'pipeline') await this.runPipeline(api);
    else await this.runStep(api, this.step.run === 'stage' ? (this.step.stage ?? '') : 'train');
  }

  private async runStep(api: ApiClient, step: string): Promise<void> {
    const body = { folder: this.folder, requestId: randomUUID(), step };
    const { id } = await api.call('startRun', { body });
    this.stop = () => api.call('stopRun', { params: { id }, body: {} });
    let shown = 0;
    this.follow({ type: 'logs', id: `task:${id}:logs`, run: id, offset: 0 }, (message) => {
      if (message.type !== 'logs') return;
      shown = message.next;
      this.write(message.text);
    });
    this.followItem('runs', id, Run, async (run) => {
      if (run.endedAt === undefined) return;
      this.close();
      // What was printed last may come after the news of the end.
      const rest = await this.connection
        .use()
        .then((now) => now.call('readRunLogs', { params: { id }, query: { offset: shown } }));
      this.write(rest.text);
      this.line(run.reason);
      this.ended.fire(exitStatusOf(run));
    });
  }

  private async runPipeline(api: ApiClient): Promise<void> {
    const { id } = await api.call('startPipeline', { body: { folder: this.folder, requestId: randomUUID() } });
    let before: Pipeline | undefined;
    this.followItem('pipelines', id, Pipeline, async (pipeline) => {
      for (const line of stepLines(before, pipeline)) this.line(line);
      before = pipeline;
      if (pipeline.status === 'running') return;
      this.close();
      this.line(pipeline.reason);
      this.ended.fire(pipeline.status === 'succeeded' ? 0 : 1);
    });
  }

  private followItem<T>(
    topic: 'runs' | 'pipelines',
    id: string,
    schema: { parse(item: unknown): T },
    onChange: (item: T) => Promise<void>,
  ): void {
    this.follow({ type: 'subscribe', id: `task:${id}`, topic, of: id }, (message) => {
      if (message.type !== 'changes') return;
      const own = message.changed.findLast((item) => (item as { id?: unknown }).id === id);
      if (own !== undefined) void onChange(schema.parse(own)).catch((error: unknown) => this.fail(error));
    });
  }

  private follow(message: Parameters<Connection['subscribe']>[0], receive: (message: ServerMessage) => void): void {
    this.subscriptions.push(this.connection.subscribe(message, receive));
  }

  private fail(error: unknown): void {
    const { message, hint } = errorBody(error);
    this.close();
    this.line(message);
    this.line(hint);
    this.ended.fire(1);
  }

  private line(text: string): void {
    if (text !== '') this.write(`${text}\n`);
  }

  /** A terminal wants the carriage to return, too. */
  private write(text: string): void {
    this.written.fire(text.replaceAll(/\r?\n/g, '\r\n'));
  }
}
