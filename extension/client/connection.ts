// Who talks to the control plane: finds it, starts it on first use, keeps the one WebSocket, comes back after a break.
// It may use server/ (the embedded control plane of this user) and the files of this folder. The container makes one;
// the model, the panels and the commands use it.
import { unwatchFile, watchFile } from 'node:fs';
import path from 'node:path';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { ClientMessage } from '../../server/protocol/events.ts';
import type { EmbeddedServer } from '../server/embedded.ts';
import { t } from '../text/language.ts';
import { type ApiClient, createApiClient } from './api.ts';
import { EventStream, type Receive } from './eventStream.ts';
import { retryDelayMs } from './retryDelay.ts';

const serverFileLookMs = 2_000;

/**
 * - `stopped`: none runs, or none was looked for yet; the first use starts one
 * - `starting`: one is being installed or started, or hands over
 * - `lost`: it does not answer; it is looked for again and again, and nothing is started
 */
export type ConnectionState = 'stopped' | 'starting' | 'connected' | 'lost';

export interface ConnectionStatus {
  state: ConnectionState;
  /** Milliseconds since 1970. */
  since: number;
  /** Version of the control plane, while connected. */
  version?: string;
  error?: SlipwayError;
}

export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

export class Connection {
  private readonly embedded: EmbeddedServer;
  private readonly log: Log;
  private readonly stream: EventStream;
  private readonly listeners = new Set<(status: ConnectionStatus) => void>();
  private current: ConnectionStatus = { state: 'stopped', since: Date.now() };
  private client: ApiClient | undefined;
  private connecting: Promise<ApiClient | undefined> | undefined;
  private starting: Promise<ApiClient | undefined> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private attempt = 0;
  private disposed = false;

  constructor(embedded: EmbeddedServer, log: Log) {
    this.embedded = embedded;
    this.log = log;
    this.stream = new EventStream(
      () => this.lose(),
      (problem) => log.warn(problem),
    );
  }

  get status(): ConnectionStatus {
    return this.current;
  }

  listen(listener: (status: ConnectionStatus) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The client, if connected. */
  get api(): ApiClient | undefined {
    return this.current.state === 'connected' ? this.client : undefined;
  }

  subscribe(message: ClientMessage, receive: Receive): () => void {
    return this.stream.subscribe(message, receive);
  }

  /** Looks for a running control plane and connects to it; starts nothing. From then on one that appears is noticed. */
  async attach(): Promise<void> {
    this.watchServerFile();
    await this.connect(false);
  }

  /**
   * The client for something a person asked for: the control plane is started if none runs.
   * @throws SlipwayError when it cannot be started or reached
   */
  async use(): Promise<ApiClient> {
    if (this.api) return this.api;
    this.watchServerFile();
    // Views and commands ask at the same time: they share one start.
    this.starting ??= this.lookThenStart().finally(() => {
      this.starting = undefined;
    });
    const api = await this.starting;
    if (api) return api;
    throw this.current.error ?? notRunning();
  }

  private async lookThenStart(): Promise<ApiClient | undefined> {
    return (await this.connecting) ?? (await this.connect(true));
  }

  /** The client as soon as there is a connection; starts nothing. */
  whenConnected(limitMs: number): Promise<ApiClient> {
    if (this.api) return Promise.resolve(this.api);
    return new Promise((resolve, reject) => {
      const end = this.listen(() => {
        if (!this.api) return;
        finish();
        resolve(this.api);
      });
      const limit = setTimeout(() => {
        finish();
        reject(this.current.error ?? notRunning());
      }, limitMs);
      const finish = () => {
        end();
        clearTimeout(limit);
      };
    });
  }

  /** Has the running control plane hand over to this extension's, or starts one. */
  async restart(): Promise<void> {
    await this.connecting;
    this.client = undefined;
    this.stream.close();
    await this.connect(true, true);
    if (this.current.error) throw this.current.error;
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.retry);
    unwatchFile(this.serverFile, this.onServerFile);
    this.stream.close();
    this.listeners.clear();
  }

  private get serverFile(): string {
    return path.join(this.embedded.folder, 'server.json');
  }

  private connect(mayStart: boolean, anew = false): Promise<ApiClient | undefined> {
    clearTimeout(this.retry);
    this.connecting = this.tryToConnect(mayStart, anew).finally(() => {
      this.connecting = undefined;
    });
    return this.connecting;
  }

  private async tryToConnect(mayStart: boolean, anew: boolean): Promise<ApiClient | undefined> {
    const before = this.current.state;
    try {
      if (mayStart) this.set({ state: 'starting' });
      const server = mayStart ? await this.embedded.ensure(anew) : await this.embedded.find();
      if (!server) {
        if (before !== 'stopped') this.log.info('No control plane runs.');
        this.set({ state: 'stopped' });
        return undefined;
      }
      const client = createApiClient({ url: server.url, token: server.token });
      const info = await client.call('getInfo');
      await this.stream.open(client.address, info.instance);
      if (this.disposed) {
        this.stream.close();
        return undefined;
      }
      this.client = client;
      this.attempt = 0;
      this.log.info(`Connected to the control plane ${info.version} at ${server.url} (process ${server.pid}).`);
      this.set({ state: 'connected', version: info.version });
      return client;
    } catch (error) {
      const problem = asSlipwayError(error);
      this.log.warn(`${problem.message} ${problem.hint}`);
      this.set({ state: mayStart ? 'stopped' : 'lost', error: problem });
      if (!mayStart) this.retryLater();
      return undefined;
    }
  }

  private lose(): void {
    if (this.disposed) return;
    this.log.warn('The connection to the control plane was lost.');
    this.set({ state: 'lost' });
    this.retryLater();
  }

  private retryLater(): void {
    if (this.disposed) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(false), retryDelayMs(this.attempt++, Math.random()));
  }

  /** The control plane writes its file once it listens: another window's, or one restarted by hand, is noticed by it. */
  private watchServerFile(): void {
    unwatchFile(this.serverFile, this.onServerFile);
    watchFile(this.serverFile, { interval: serverFileLookMs, persistent: false }, this.onServerFile);
  }

  private readonly onServerFile = (): void => {
    if (this.current.state !== 'connected' && !this.connecting) void this.connect(false);
  };

  private set(change: Omit<ConnectionStatus, 'since'>): void {
    const since = change.state === this.current.state ? this.current.since : Date.now();
    this.current = { ...change, since };
    for (const listener of this.listeners) listener(this.current);
  }
}

function notRunning(): SlipwayError {
  return new SlipwayError(
    'client.notRunning',
    t('The control plane does not run.'),
    t('"Slipway: Start Control Plane" starts it.'),
    503,
  );
}

function asSlipwayError(error: unknown): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SlipwayError(
    'client.unreachable',
    t('The control plane does not answer ({0}).', message),
    t('It reconnects by itself; "Slipway: Restart Control Plane" starts it anew.'),
    503,
    { cause: error },
  );
}
