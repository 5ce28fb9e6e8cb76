/**
 * One connection to a replica: carries one exchange after the other and says, when it breaks, whether bytes of the
 * request had left and whether the answer had begun. The retry rule stands on these two facts.
 */
import net from 'node:net';
import { type ResponseHead, ResponseParser } from './responseParser.ts';

export type ReplicaAddress = { socket: string } | { host: string; port: number };

/** How an exchange ended without a whole answer. */
export interface ExchangeFailure {
  /** `connect`: no byte of the request was sent; `transport`: the connection broke; `timeout`: no answer in time; `aborted`: the client went away. */
  kind: 'connect' | 'transport' | 'timeout' | 'aborted';
  message: string;
  /** Whether any byte of an answer came. */
  hasAnswerBegun: boolean;
}

/** The gateway's side of one request on a connection. */
export interface Exchange {
  readonly method: string;
  /** The connection is open: write the request now. */
  onOpen(connection: Connection): void;
  onHead(head: ResponseHead): void;
  /** False asks to pause until {@link Connection.resume}. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onFailure(failure: ExchangeFailure): void;
  /** The connection takes bytes again after a write that returned false. */
  onDrain(): void;
}

export class Connection {
  /** When it last became free, in ms of the monotonic clock. */
  idleSinceMs = 0;
  readonly #socket: net.Socket;
  readonly #parser: ResponseParser;
  readonly #onFree: (connection: Connection) => void;
  #exchange: Exchange | null = null;
  #isOpen = false;
  #isReusable = true;
  #exchanges = 0;
  #isRequestSent = false;
  #hasAnswerBegun = false;
  #error = '';
  #failureKind: ExchangeFailure['kind'] | null = null;

  /**
   * @param onFree called when an exchange is over and the connection can carry the next
   * @param onClose called once, when the connection is gone
   */
  constructor(
    address: ReplicaAddress,
    connectTimeoutMs: number,
    onFree: (connection: Connection) => void,
    onClose: (connection: Connection) => void,
  ) {
    this.#onFree = onFree;
    this.#parser = new ResponseParser({
      onHead: (head) => {
        if (head.closes) this.#isReusable = false;
        this.#exchange?.onHead(head);
      },
      onData: (chunk) => {
        if (this.#exchange?.onData(chunk) === false) this.#socket.pause();
      },
      onEnd: () => this.#finish(),
    });
    const socket =
      'socket' in address
        ? net.connect({ path: address.socket })
        : net.connect({ host: address.host, port: address.port, noDelay: true });
    this.#socket = socket;
    const connectTimer = setTimeout(() => {
      this.#error = `no connection within ${connectTimeoutMs} ms`;
      socket.destroy();
    }, connectTimeoutMs);
    socket.on('connect', () => {
      clearTimeout(connectTimer);
      this.#isOpen = true;
      this.#exchange?.onOpen(this);
    });
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('drain', () => this.#exchange?.onDrain());
    socket.on('error', (error) => {
      this.#error = error.message;
    });
    socket.on('close', () => {
      clearTimeout(connectTimer);
      onClose(this);
      if (this.#exchange !== null && !this.#parser.finish()) this.#fail();
    });
  }

  /** Whether it is still open to both sides. */
  get isUsable(): boolean {
    return !this.#socket.destroyed && this.#socket.readable && this.#socket.writable;
  }

  /** Whether it was opened for the exchange it carries: then a break is no idle connection's end. */
  get isNew(): boolean {
    return this.#exchanges === 1;
  }

  /** Begins an exchange; on a new connection the request is written once it is open. */
  begin(exchange: Exchange): void {
    this.#exchange = exchange;
    this.#exchanges++;
    this.#isRequestSent = false;
    this.#hasAnswerBegun = false;
    this.#parser.expect(exchange.method);
    if (this.#isOpen) exchange.onOpen(this);
  }

  /** Writes request bytes; false asks to wait for {@link Exchange.onDrain}. */
  write(bytes: string | Buffer): boolean {
    return typeof bytes === 'string' ? this.#socket.write(bytes, 'latin1') : this.#socket.write(bytes);
  }

  /**
   * Writes a head and a small body by one system call. One string costs a copy and is still several times faster
   * than the two-part writev that a string and a buffer would need.
   */
  writeTogether(head: string, body: Buffer): void {
    this.#socket.write(head + body.toString('latin1'), 'latin1');
  }

  /** The request is written to its last byte: only then may the connection carry another exchange. */
  requestSent(): void {
    this.#isRequestSent = true;
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Half-closes towards the replica (after an upgrade, when the client has). */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once; an exchange in progress fails with `kind`. */
  destroy(kind: ExchangeFailure['kind'] = 'aborted', message = 'closed by the gateway'): void {
    this.#failureKind ??= kind;
    this.#error ||= message;
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#hasAnswerBegun = true;
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.destroy('transport', error instanceof Error ? error.message : String(error));
    }
  }

  #finish(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    const isFree = this.#isReusable && this.#isRequestSent && !this.#socket.destroyed;
    if (isFree) {
      this.#socket.resume();
      this.#onFree(this);
    } else this.#socket.destroy();
    exchange?.onEnd();
  }

  #fail(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    const message = this.#error || 'the replica closed the connection';
    const kind = this.#failureKind ?? (this.#isOpen ? 'transport' : 'connect');
    exchange?.onFailure({ kind, message, hasAnswerBegun: this.#hasAnswerBegun });
  }
}
