import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { EventStream } from '../../../../extension/client/eventStream.ts';
import { retryDelayMs } from '../../../../extension/client/retryDelay.ts';
import type { ServerMessage } from '../../../../server/protocol/events.ts';
import { advance } from '../../../../server/protocol/resume.ts';

const changes = (cursor: number, ids: string[], id = 'runs'): ServerMessage => ({
  type: 'changes',
  id,
  cursor,
  ready: true,
  changed: ids.map((name) => ({ id: name })),
  removed: [],
});

describe('event stream', () => {
  let server: WebSocketServer;
  let stream: EventStream;
  let lost: Promise<void>;
  const address = () => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'secret' });
  const nextConnection = async () => {
    const [socket, request] = await once(server, 'connection');
    return { socket: socket as WebSocket, request, first: once(socket, 'message') };
  };
  const asked = async (first: Promise<unknown[]>) => JSON.parse(String((await first)[0])) as Record<string, unknown>;

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    lost = new Promise((resolve) => {
      stream = new EventStream(resolve, (problem) => assert.fail(problem));
    });
  });
  afterEach(async () => {
    stream.close();
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  });

  it('sends the token in a header, never in the address', async () => {
    const connection = nextConnection();
    await stream.open(address(), 'a');
    const { request } = await connection;
    assert.equal(request.headers.authorization, 'Bearer secret');
    assert.equal(request.url, '/api/v1/events');
  });

  it('after a break asks for every subscription where it stood', async () => {
    const received: ServerMessage[] = [];
    const got = new Promise<void>((resolve) => {
      stream.subscribe({ type: 'subscribe', id: 'runs', topic: 'runs' }, (message) => {
        received.push(message);
        resolve();
      });
    });
    const before = nextConnection();
    await stream.open(address(), 'a');
    const { socket, first } = await before;
    assert.equal((await asked(first))['cursor'], undefined);
    socket.send(JSON.stringify(changes(7, ['r1'])));
    await got;
    socket.terminate();
    await lost;
    const after = nextConnection();
    await stream.open(address(), 'a');
    assert.equal((await asked((await after).first))['cursor'], 7);
    assert.deepEqual(
      received.map(({ type }) => type),
      ['changes'],
    );
  });

  it('at another instance asks for everything and tells the subscriber so', async () => {
    const types: string[] = [];
    stream.subscribe({ type: 'subscribe', id: 'runs', topic: 'runs', cursor: 7 }, ({ type }) => types.push(type));
    await stream.open(address(), 'a');
    const other = nextConnection();
    await stream.open(address(), 'b');
    assert.equal((await asked((await other).first))['cursor'], undefined);
    assert.deepEqual(types, ['resync']);
  });

  it('an ended subscription is not asked for again', async () => {
    const end = stream.subscribe({ type: 'subscribe', id: 'runs', topic: 'runs' }, () => undefined);
    stream.subscribe({ type: 'subscribe', id: 'nodes', topic: 'nodes' }, () => undefined);
    end();
    const connection = nextConnection();
    await stream.open(address(), 'a');
    assert.equal((await asked((await connection).first))['id'], 'nodes');
  });
});

describe('resuming', () => {
  it('goes on behind what came: cursor, byte, point', () => {
    const logs = advance(
      { type: 'logs', id: 'l', run: 'r', offset: -100 },
      { type: 'logs', id: 'l', offset: 50, next: 90, text: '', ended: false },
    );
    assert.equal((logs as { offset: number }).offset, 90);
    const metrics = advance(
      { type: 'metrics', id: 'm', run: 'r', have: { loss: 2, other: 1 } },
      { type: 'metrics', id: 'm', run: 'r', tag: 'loss', from: 2, steps: [2, 3], wallTimes: [0, 0], values: [1, 1] },
    );
    assert.deepEqual((metrics as { have: object }).have, { loss: 4, other: 1 });
  });

  it('after a resync begins anew', () => {
    const begun = advance({ type: 'subscribe', id: 's', topic: 'runs', cursor: 9 }, { type: 'resync', id: 's' });
    assert.equal((begun as { cursor?: number }).cursor, undefined);
  });

  it('waits longer each time, up to a limit, never all windows alike', () => {
    assert.ok(retryDelayMs(0, 0) < retryDelayMs(3, 0));
    assert.equal(retryDelayMs(50, 1), retryDelayMs(60, 1));
    assert.notEqual(retryDelayMs(5, 0), retryDelayMs(5, 1));
  });
});
