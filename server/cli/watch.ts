import WebSocket from 'ws';
import type { EntityOf, Topic } from '../protocol/entities.ts';
import { topics } from '../protocol/entities.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { type ClientMessage, ServerMessage } from '../protocol/events.ts';
import { type Address, type Client, unreachable } from './client.ts';

type Locate = Client['locate'];

const subscription = 'cli';
const heartbeatMs = 20_000;
const againMs = 500;
/** How long a control plane may be away (a restart, an update) before the wait is given up. */
const patienceMs = 60_000;

/**
 * One object as it changes, first as it is now, over the WebSocket of changes; after a break it goes on where it stood.
 * Ends when the reader stops, or by `signal`.
 * @throws SlipwayError `client.unreachable` when the control plane is away for longer than a minute
 */
export async function* watchObject<T extends Topic>(
  locate: Locate,
  topic: T,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<EntityOf<T>> {
  let cursor: number | undefined;
  const begin = (): ClientMessage => ({
    type: 'subscribe',
    id: subscription,
    topic,
    of: id,
    ...(cursor === undefined ? {} : { cursor }),
  });
  for await (const message of messages(locate, begin, signal)) {
    if (message.type === 'resync') cursor = undefined;
    if (message.type !== 'changes') continue;
    cursor = message.cursor;
    for (const changed of message.changed) {
      const parsed = topics[topic].safeParse(changed);
      if (parsed.success && parsed.data.id === id) yield parsed.data as EntityOf<T>;
    }
    if (message.removed.includes(id)) throw new SlipwayError(`${topic}.removed`, `${id} was deleted.`, '', 404);
  }
}

/** What a command that follows something ends with on Ctrl-C: the work is not ended by it. */
export function interrupted(id: string, hint: string): SlipwayError {
  return new SlipwayError('interrupted', `${id} goes on without this command.`, hint);
}

/** Text of a run's log from a byte offset on (negative: from the end), until the run has ended. */
export async function* followLog(
  locate: Locate,
  run: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let offset = from;
  const begin = (): ClientMessage => ({ type: 'logs', id: subscription, run, offset });
  for await (const message of messages(locate, begin, signal)) {
    if (message.type !== 'logs') continue;
    offset = message.next;
    yield message.text;
    if (message.ended) return;
  }
}

/** The messages of one subscription over as many connections as it takes. */
async function* messages(
  locate: Locate,
  begin: () => ClientMessage,
  signal: AbortSignal,
): AsyncGenerator<ServerMessage> {
  let lostAt: number | undefined;
  while (!signal.aborted) {
    let failure: unknown;
    try {
      for await (const message of oneConnection(await locate(), begin(), signal)) {
        lostAt = undefined;
        if (message.type === 'error') throw new SlipwayError(message.code, message.message, message.hint);
        yield message;
      }
    } catch (error) {
      if (error instanceof SlipwayError && !isPassing(error.code)) throw error;
      failure = error;
    }
    lostAt ??= Date.now();
    if (Date.now() - lostAt > patienceMs) {
      throw (
        failure ??
        new SlipwayError(
          'client.lost',
          'The control plane closes the stream of changes again and again.',
          'See its log.',
        )
      );
    }
    await pause(againMs, signal);
  }
}

/** A control plane that restarts is away for a moment: nothing runs, or nothing listens. */
function isPassing(code: string): boolean {
  return code === 'client.unreachable' || code === 'server.notRunning' || code === 'client.busy';
}

async function* oneConnection(
  address: Address,
  begin: ClientMessage,
  signal: AbortSignal,
): AsyncGenerator<ServerMessage> {
  const socket = new WebSocket(`${address.url.replace(/^http/, 'ws')}/api/v1/events`, {
    headers: { authorization: `Bearer ${address.token}` },
    handshakeTimeout: 10_000,
  });
  const waiting: ServerMessage[] = [];
  let failure: Error | undefined;
  let isOver = false;
  let wake = () => {};
  const end = (error?: Error) => {
    failure ??= error;
    isOver = true;
    wake();
  };
  let isAnswering = true;
  // A peer that vanished without a word is noticed by its missing pong.
  const heartbeat = setInterval(() => {
    if (!isAnswering) return socket.terminate();
    isAnswering = false;
    if (socket.readyState === WebSocket.OPEN) socket.ping();
  }, heartbeatMs);
  socket.on('open', () => socket.send(JSON.stringify(begin)));
  socket.on('pong', () => {
    isAnswering = true;
  });
  socket.on('message', (data) => {
    const parsed = ServerMessage.safeParse(JSON.parse(String(data)));
    if (parsed.success && parsed.data.id === subscription) waiting.push(parsed.data);
    wake();
  });
  socket.on('unexpected-response', (_, response) => end(refused(response.statusCode ?? 0)));
  socket.on('error', (error) => end(unreachable(address.url, error)));
  socket.on('close', () => end());
  const onAbort = () => end();
  signal.addEventListener('abort', onAbort);
  try {
    while (true) {
      while (waiting.length > 0) yield waiting.shift()!;
      if (failure) throw failure;
      if (isOver) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    clearInterval(heartbeat);
    signal.removeEventListener('abort', onAbort);
    socket.terminate();
  }
}

function refused(status: number): SlipwayError {
  const code = status === 503 ? 'client.busy' : 'client.refused';
  const hint = status === 503 ? 'It has too many connections; try again.' : 'Check the token.';
  return new SlipwayError(code, `The control plane refused the stream of changes with status ${status}.`, hint, status);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
