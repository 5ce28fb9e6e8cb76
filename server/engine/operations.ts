import type { Operation } from '../protocol/entities.ts';
import { errorBody, SlipwayError } from '../protocol/errors.ts';
import type { Context } from './context.ts';
import { newId } from './ids.ts';

export type Progress = Operation['progress'];

/**
 * Long work with progress, that can be cancelled and is looked up later. What it changes goes through reducers, so an
 * operation that a restart cuts off has done its work or not; it is then shown as failed with that reason.
 */
export class Operations {
  readonly #context: Context;
  readonly #running = new Map<string, { abort: AbortController; view: Operation }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Starts work and returns at once. */
  async start(
    kind: string,
    subject: string,
    unit: string,
    work: (report: (progress: Partial<Progress>) => void, signal: AbortSignal) => Promise<unknown>,
  ): Promise<Operation> {
    const { now, engine, log, signal } = this.#context;
    const id = newId('o', now());
    const progress = { done: 0, unit, message: '' };
    const view: Operation = { id, kind, subject, status: 'running', progress, createdAt: now() };
    const entry = { abort: new AbortController(), view };
    this.#running.set(id, entry);
    const show = () =>
      engine.putViews([{ topic: 'operations', id, project: '', parent: subject, data: { ...entry.view } }]);
    await show();
    let shownAt = now();
    const report = (news: Partial<Progress>) => {
      entry.view = { ...entry.view, progress: { ...entry.view.progress, ...news } };
      if (now() - shownAt < 200) return;
      shownAt = now();
      show().catch((error: unknown) => log('error', `progress of ${id} could not be stored`, { error: String(error) }));
    };
    const finish = async (end: Partial<Operation>) => {
      entry.view = { ...entry.view, ...end, endedAt: now() };
      this.#running.delete(id);
      await show();
    };
    work(report, AbortSignal.any([signal, entry.abort.signal]))
      .then(
        (result) => finish({ status: 'succeeded', result }),
        (error: unknown) => {
          if (signal.aborted) return undefined;
          if (!(error instanceof SlipwayError)) {
            log('error', `operation ${id} (${kind}) failed`, { stack: (error as Error).stack ?? String(error) });
          }
          return finish({ status: entry.abort.signal.aborted ? 'cancelled' : 'failed', error: errorBody(error) });
        },
      )
      .catch((error: unknown) => log('error', `the end of ${id} could not be stored`, { error: String(error) }));
    return view;
  }

  /** What is running in this process, which is fresher than the store. */
  current(id: string): Operation | undefined {
    return this.#running.get(id)?.view;
  }

  /** @throws SlipwayError `operation.over` */
  cancel(id: string): void {
    const entry = this.#running.get(id);
    if (!entry) throw new SlipwayError('operation.over', `The operation ${id} is not running.`, '', 409);
    entry.abort.abort();
  }

  /** After a restart: what was cut off is said so. */
  async markCutOff(): Promise<void> {
    const { engine, now } = this.#context;
    const rows = await engine.store.read.entities({ topic: 'operations', limit: 200 });
    const cut = rows.map((row) => row.data as Operation).filter((view) => view.status === 'running');
    const error = {
      code: 'operation.cutOff',
      message: 'The control plane ended while this was in progress.',
      hint: 'Start it again; what was done already is found and not done twice.',
    };
    await engine.putViews(
      cut.map((view) => ({
        topic: 'operations' as const,
        id: view.id,
        project: '',
        parent: view.subject,
        data: { ...view, status: 'failed', error, endedAt: now() },
      })),
    );
  }
}
