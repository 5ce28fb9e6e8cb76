/**
 * The engine runs the reducers: it loads a state, applies an event, and stores event, views, receipts and commands in
 * one transaction; then it carries the commands out and feeds their results back as events. It may touch the domain
 * and every leaf (store, objects, runtimes, metrics). The API calls it; nothing else does.
 */
import type { Signer } from '../domain/lineage/receipt.ts';
import { sealReceipt } from '../domain/lineage/receipt.ts';
import type { ReceiptDraft, Reduction, Send } from '../domain/reducer.ts';
import type { Project, Topic } from '../protocol/entities.ts';
import type { Store, StoredCommand, StoredEntity, WriteTransaction } from '../store/index.ts';

type ReceiptInput = ReceiptDraft['inputs'][number];

export type AnyEvent = { type: string; at?: number } & Record<string, unknown>;
/** `lane`: commands of one thing in the same lane are carried out in order; without it they share one lane. */
export type AnyCommand = { type: string; lane?: string };

/** One object that the API shows; `data: null` takes it away. */
export interface View {
  topic: Topic;
  id: string;
  project: string;
  parent?: string;
  data: unknown;
}

/** How the engine handles one kind of state. */
export interface Aggregate {
  /** The file-free decision. `state` is undefined before the first event. */
  reduce(state: unknown, event: AnyEvent): Reduction<unknown, AnyCommand>;
  /** The project whose chain its receipts join. */
  project(state: unknown): string;
  /** What the API shows of a state; compared with `before` to write only what changed. `receiptOf` finds receipts by subject. */
  views(state: unknown, before: unknown, receiptOf: (subject: string) => string | undefined): View[];
}

/** A target with its event: where a result goes. */
export interface Delivery {
  kind: string;
  id: string;
  event: AnyEvent;
}

/** Carries one command out. It may be called again for the same command: doing it twice is doing it once. */
export type CommandHandler = (
  command: AnyCommand & Record<string, unknown>,
  context: { kind: string; id: string; commandId: string; signal: AbortSignal },
) => Promise<Delivery[]>;

export interface EngineOptions {
  store: Store;
  signer: Signer;
  /** Pseudonymous id of whom receipts name. */
  actor: string;
  now: () => number;
  /** How many states stay in memory between transactions. */
  keptStates?: number;
  log: (level: 'info' | 'warn' | 'error', message: string, detail?: Record<string, unknown>) => void;
}

interface Cached {
  state: unknown;
  seq: number;
  sinceSnapshot: number;
}

/** Events since the last snapshot after which a new one is written: bounds the replay after a restart. */
const snapshotEvery = 64;
/** States kept in memory; one that is asked for again is read from its snapshot and the events after it. */
const keptStates = 2048;
const maxAttempts = 5;

export class Engine {
  readonly #options: EngineOptions;
  readonly #aggregates = new Map<string, Aggregate>();
  readonly #handlers = new Map<string, CommandHandler>();
  readonly #cache = new Map<string, Cached>();
  readonly #lanes = new Map<string, Promise<void>>();
  /** Commands that stand in a lane: what adoption gives rise to before {@link start} is not taken up twice. */
  readonly #takenUp = new Set<string>();
  readonly #listeners = new Set<(changed: StoredEntity[]) => void>();
  readonly #stopped = new AbortController();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  get store(): Store {
    return this.#options.store;
  }

  register(kind: string, aggregate: Aggregate): void {
    this.#aggregates.set(kind, aggregate);
  }

  handle(type: string, handler: CommandHandler): void {
    this.#handlers.set(type, handler);
  }

  /** Carries out what was still to be done when the last control plane ended. */
  async start(): Promise<void> {
    for (const command of await this.store.read.pendingCommands()) this.#enqueue(command);
  }

  /** Stops taking commands up; what runs goes on outside and is adopted by the next start. */
  stop(): void {
    this.#stopped.abort();
  }

  /** Calls back after each commit with the views that changed, in cursor order. */
  onChange(listener: (changed: StoredEntity[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The current state, or undefined if there is none. */
  async state<S>(kind: string, id: string): Promise<S | undefined> {
    const load = (tx: WriteTransaction) => {
      this.#forgetOldest();
      return this.#load(tx, kind, id);
    };
    return (await this.store.write(load)).state as S | undefined;
  }

  /** Applies one event and everything that follows from it inside Slipway, in one transaction. */
  async send(kind: string, id: string, event: AnyEvent): Promise<void> {
    await this.deliver([{ kind, id, event }]);
  }

  /** Applies events; with `completes`, the command they result from is done in the same transaction. */
  async deliver(deliveries: Delivery[], completes?: string): Promise<void> {
    const touched = new Map<string, Cached>();
    // What was cached for a transaction is rolled back with it.
    const forget = (error: unknown) => {
      for (const key of touched.keys()) this.#cache.delete(key);
      throw error;
    };
    const work = async (tx: WriteTransaction) => {
      this.#forgetOldest();
      if (completes !== undefined && !(await tx.completeCommand(completes))) return { changed: [], commands: [] };
      return this.#apply(tx, deliveries, touched).catch(forget);
    };
    // Once more for a commit that fails: this runs before the store begins the next transaction.
    const outcome = await this.store.write(work).catch(forget);
    for (const command of outcome.commands) this.#enqueue(command);
    if (outcome.changed.length > 0) for (const listener of this.#listeners) listener(outcome.changed);
  }

  /** Shows a state anew, because figures that stream past the reducers have changed. */
  async showAgain(kind: string, id: string): Promise<void> {
    const show = async (tx: WriteTransaction) => {
      const { state } = await this.#load(tx, kind, id);
      return state === undefined
        ? []
        : putViews(
            tx,
            this.#aggregate(kind).views(state, state, () => undefined),
          );
    };
    const changed = await this.store.write(show);
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed);
  }

  /** Writes views that no reducer owns: operations. */
  async putViews(views: View[]): Promise<void> {
    const changed = await this.store.write((tx) => putViews(tx, views));
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed);
  }

  /** Appends a receipt that belongs to no reducer, such as `deleted`. */
  async appendReceipt(project: string, draft: ReceiptDraft): Promise<string> {
    const at = this.#options.now();
    const { id, changed } = await this.store.write(async (tx) => {
      const id = await this.#seal(tx, project, draft, at);
      return { id, changed: await putViews(tx, [await projectView(tx, project, at)]) };
    });
    for (const listener of this.#listeners) listener(changed);
    return id;
  }

  async #apply(tx: WriteTransaction, deliveries: Delivery[], touched: Map<string, Cached>) {
    const changed: StoredEntity[] = [];
    const commands: StoredCommand[] = [];
    const queue = [...deliveries];
    const chains = new Set<string>();
    for (let delivery = queue.shift(); delivery; delivery = queue.shift()) {
      const { kind, id } = delivery;
      const aggregate = this.#aggregate(kind);
      const at = this.#options.now();
      const event = { ...delivery.event, at };
      const cached = await this.#load(tx, kind, id);
      touched.set(`${kind}/${id}`, cached);
      const before = cached.state;
      const { state, commands: given, receipts } = aggregate.reduce(before, event);
      if (state === before && given.length === 0 && receipts.length === 0) continue;
      const seq = await tx.appendEvent(kind, id, at, event);
      const known = new Map<string, string>();
      for (const draft of receipts) {
        const project = aggregate.project(state);
        chains.add(project);
        known.set(draft.subject.name, await this.#seal(tx, project, draft, at));
      }
      cached.state = state;
      cached.seq = seq;
      if (++cached.sinceSnapshot >= snapshotEvery) {
        await tx.putSnapshot(kind, id, seq, state);
        cached.sinceSnapshot = 0;
      }
      const views = aggregate.views(state, before, (subject) => known.get(subject));
      changed.push(...(await putViews(tx, views)));
      for (const [n, command] of given.entries()) {
        if (isSend(command)) {
          queue.push({ kind: command.to.kind, id: command.to.id, event: command.event });
        } else {
          const stored = { id: `${kind}/${id}/${seq}/${n}`, kind, subject: id, command };
          await tx.addCommand(stored);
          commands.push(stored);
        }
      }
    }
    for (const project of chains)
      changed.push(...(await putViews(tx, [await projectView(tx, project, this.#options.now())])));
    return { changed, commands };
  }

  async #seal(tx: WriteTransaction, project: string, draft: ReceiptDraft, at: number): Promise<string> {
    const head = await tx.head(project);
    const place = { project, head, at, actor: this.#options.actor };
    const inputs = await Promise.all(draft.inputs.map((input) => withSource(tx, project, input)));
    const { id, statement, envelope } = sealReceipt({ ...draft, inputs }, place, this.#options.signer);
    const { seq, kind } = statement.predicate;
    const receipt = { project, seq, id, kind, subject: draft.subject.name, envelope: JSON.stringify(envelope) };
    await tx.appendReceipt(receipt, statement.subject);
    return id;
  }

  #aggregate(kind: string): Aggregate {
    const aggregate = this.#aggregates.get(kind);
    if (!aggregate) throw new Error(`no reducer for ${kind}`);
    return aggregate;
  }

  async #load(tx: WriteTransaction, kind: string, id: string): Promise<Cached> {
    const key = `${kind}/${id}`;
    const known = this.#cache.get(key);
    if (known) {
      // Last in the map is latest used.
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    const snapshot = await tx.snapshot(kind, id);
    const loaded: Cached = { state: snapshot?.state, seq: snapshot?.seq ?? 0, sinceSnapshot: 0 };
    for (const { event, seq } of await tx.events(kind, id, loaded.seq)) {
      loaded.state = this.#aggregate(kind).reduce(loaded.state, event as AnyEvent).state;
      loaded.seq = seq;
      loaded.sinceSnapshot++;
    }
    this.#cache.set(key, loaded);
    return loaded;
  }

  /** Between transactions all that is cached is stored too, so that it may be dropped. */
  #forgetOldest(): void {
    const { keptStates: kept = keptStates } = this.#options;
    for (const key of this.#cache.keys()) {
      if (this.#cache.size <= kept) return;
      this.#cache.delete(key);
    }
  }

  #enqueue(stored: StoredCommand): void {
    if (this.#takenUp.has(stored.id)) return;
    this.#takenUp.add(stored.id);
    const lane = `${stored.kind}/${stored.subject}/${(stored.command as AnyCommand).lane ?? ''}`;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const run = before.then(() => this.#carryOut(stored));
    this.#lanes.set(lane, run);
    void run.then(() => {
      this.#takenUp.delete(stored.id);
      if (this.#lanes.get(lane) === run) this.#lanes.delete(lane);
    });
  }

  async #carryOut(stored: StoredCommand): Promise<void> {
    const { command, kind, subject } = stored;
    const handler = this.#handlers.get(command.type);
    for (let attempt = 1; !this.#stopped.signal.aborted; attempt++) {
      try {
        if (!handler) throw new Error(`no handler for the command ${command.type}`);
        const context = { kind, id: subject, commandId: stored.id, signal: this.#stopped.signal };
        const results = await handler(command as AnyCommand & Record<string, unknown>, context);
        if (this.#stopped.signal.aborted) return;
        await this.deliver(results, stored.id);
        return;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const message = error instanceof Error ? error.message : String(error);
        const stack = error instanceof Error ? error.stack : undefined;
        this.#options.log('error', `command ${stored.id} (${command.type}) failed`, { attempt, message, stack });
        if (attempt >= maxAttempts) {
          const event = { type: 'commandFailed', command: command.type, failed: command, message };
          await this.deliver([{ kind, id: subject, event }], stored.id).catch((failure: unknown) => {
            this.#options.log('error', `the failure of ${stored.id} could not be recorded`, {
              message: String(failure),
            });
          });
          return;
        }
        await delay(2 ** attempt * 100, this.#stopped.signal);
      }
    }
  }
}

/** Where no receipt of this chain made an input, its source is said: another chain's receipt, or outside. */
async function withSource(tx: WriteTransaction, project: string, input: ReceiptInput): Promise<ReceiptInput> {
  const [algorithm, digest] =
    Object.entries(input.digest).find(([name]) => name === 'sha256') ?? Object.entries(input.digest)[0]!;
  if (await tx.hasSubject(project, algorithm, digest)) return input;
  const made = await tx.receiptOfDigest(algorithm, digest);
  return { ...input, source: made ? `receipt:${made.id}` : 'external' };
}

/** A project is known by its chain of receipts. */
async function projectView(tx: WriteTransaction, project: string, at: number): Promise<View> {
  const head = await tx.head(project);
  const data: Project = { id: project, name: project, receipts: head?.seq ?? 0, head: head?.id, updatedAt: at };
  return { topic: 'projects', id: project, project, data };
}

function isSend(command: AnyCommand): command is Send {
  return command.type === 'send';
}

async function putViews(tx: WriteTransaction, views: View[]): Promise<StoredEntity[]> {
  const changed: StoredEntity[] = [];
  for (const { topic, id, project, parent = '', data } of views) {
    if (data === null) {
      const removed = await tx.removeEntity(topic, id);
      if (removed) changed.push(removed);
      continue;
    }
    const before = await tx.entity(topic, id);
    const merged = keepReceipt(data, before?.data);
    if (before && before.parent === parent && JSON.stringify(before.data) === JSON.stringify(merged)) continue;
    changed.push(await tx.putEntity({ topic, id, project, parent, data: merged }));
  }
  return changed;
}

/** A view whose receipt was written by an earlier event keeps pointing at it. */
function keepReceipt(data: unknown, before: unknown): unknown {
  const kept = (before as { receipt?: string } | undefined)?.receipt;
  return kept && (data as { receipt?: string }).receipt === undefined ? { ...(data as object), receipt: kept } : data;
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
