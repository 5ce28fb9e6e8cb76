import { errorBody, SlipwayError } from '../../server/protocol/errors.ts';
import { operations } from '../../server/protocol/operations.ts';
import type { Handlers, HostMessage, PageMessage, PageOperation, PageRoute } from '../../server/protocol/pages.ts';
import type { RawInput } from '../client/api.ts';
import type { Connection, ConnectionState } from '../client/connection.ts';
import { t } from '../text/language.ts';

const connectMs = 10_000;
/** What hands out access is not for pages, whatever they ask. */
const forbidden = ['createSession', 'createTicket', 'registerOrigin', 'handOver'];

/** What a page may have the editor do. */
export interface PageActions {
  post(message: HostMessage): void;
  /** The page tells its title, or goes to another page. */
  navigate(route: PageRoute, title: string): void;
  openSource(file: string, line: number): void;
  openExternal(url: string): void;
  copy(text: string): void;
  save(name: string, bytes: Uint8Array): void;
  /** The address of a foreign application as the reader's browser reaches it. */
  externalUrl(url: string): Promise<string>;
}

let bridges = 0;

/**
 * Stands between one page and the control plane: answers its calls with the extension's token, which the page never
 * sees, and carries its subscriptions over the extension's one WebSocket.
 */
export class PageBridge {
  private readonly connection: Connection;
  private readonly actions: PageActions;
  private readonly route: () => PageRoute;
  private readonly locale: string;
  private readonly prefix = `page${++bridges}:`;
  private readonly subscriptions = new Map<string, () => void>();
  private readonly tensorBoards = new Set<string>();
  private readonly stopWatching: () => void;

  constructor(connection: Connection, actions: PageActions, route: () => PageRoute, locale: string) {
    this.connection = connection;
    this.actions = actions;
    this.route = route;
    this.locale = locale;
    this.stopWatching = connection.listen(() => this.tellConnection());
  }

  readonly handlers: Handlers<PageMessage> = {
    ready: () => {
      // A page that begins anew (its frame was moved or loaded again) has forgotten what it asked for.
      this.endSubscriptions();
      this.actions.post({ type: 'init', route: this.route(), locale: this.locale });
      this.tellConnection();
    },
    call: (message) => void this.answer(message),
    subscribe: ({ message }) => {
      this.subscriptions.get(message.id)?.();
      this.subscriptions.delete(message.id);
      if (message.type === 'unsubscribe') return;
      const end = this.connection.subscribe({ ...message, id: this.prefix + message.id }, (event) =>
        this.actions.post({ type: 'event', message: { ...event, id: message.id } }),
      );
      this.subscriptions.set(message.id, end);
    },
    navigate: ({ route, title }) => this.actions.navigate(route, title),
    openSource: ({ file, line }) => this.actions.openSource(file, line),
    openExternal: ({ url }) => this.actions.openExternal(url),
    copy: ({ text }) => this.actions.copy(text),
    save: ({ name, base64 }) => this.actions.save(name, Buffer.from(base64, 'base64')),
  };

  receive(message: PageMessage): void {
    (this.handlers[message.type] as ((message: PageMessage) => void) | undefined)?.(message);
  }

  /** Ends what the page had open: its subscriptions and its TensorBoards. */
  async dispose(): Promise<void> {
    this.stopWatching();
    this.endSubscriptions();
    const api = this.connection.api;
    const closing = [...this.tensorBoards].map((id) => api?.call('closeTensorBoard', { params: { id } }));
    this.tensorBoards.clear();
    await Promise.allSettled(closing);
  }

  private endSubscriptions(): void {
    for (const end of this.subscriptions.values()) end();
    this.subscriptions.clear();
  }

  private async answer({ id, operation, input }: Extract<PageMessage, { type: 'call' }>): Promise<void> {
    try {
      if (!(operation in operations) || forbidden.includes(operation)) throw notForPages(operation);
      const api = await this.connection.whenConnected(connectMs);
      const result = await api.callRaw(operation, input);
      await this.keepTensorBoards(operation, input, result);
      this.actions.post({ type: 'answer', id, result });
    } catch (error) {
      this.actions.post({ type: 'refusal', id, error: errorBody(error) });
    }
  }

  /** A panel's TensorBoard ends with the panel; its page must know the address before it draws the frame. */
  private async keepTensorBoards(operation: PageOperation, input: RawInput, result: unknown): Promise<void> {
    if (operation === 'closeTensorBoard') this.tensorBoards.delete((input.params as { id: string }).id);
    if (operation !== 'openTensorBoard') return;
    const { id, url } = operations.openTensorBoard.response.parse(result);
    this.tensorBoards.add(id);
    this.actions.post({ type: 'externalUrl', url, external: await this.actions.externalUrl(url) });
  }

  private tellConnection(): void {
    const states: Record<ConnectionState, 'connected' | 'connecting' | 'lost'> = {
      connected: 'connected',
      starting: 'connecting',
      stopped: 'lost',
      lost: 'lost',
    };
    const { state, since } = this.connection.status;
    this.actions.post({ type: 'connection', state: states[state], since });
  }
}

function notForPages(operation: string): SlipwayError {
  return new SlipwayError('page.notAllowed', t('A page may not call {0}.', operation), '', 403);
}
