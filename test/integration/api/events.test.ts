// The WebSocket of changes: nothing lost, nothing doubled, and no memory spent on a client that does not read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { WebSocket } from 'ws';
import type { ClientMessage, ServerMessage } from '../../../server/protocol/events.ts';
import { Place, token, until } from './place.ts';

/** A client that keeps all it gets. */
class Client {
  readonly received: ServerMessage[] = [];
  readonly socket: WebSocket;
  closed: number | undefined;

  constructor(place: Place) {
    const headers = { authorization: `Bearer ${token}` };
    this.socket = new WebSocket(`${place.api.url.replace('http', 'ws')}/api/v1/events`, { headers });
    this.socket.on('message', (data) => this.received.push(JSON.parse(String(data))));
    this.socket.on('close', (code) => {
      this.closed = code;
    });
    this.socket.on('error', () => {});
  }

  static async open(place: Place): Promise<Client> {
    const client = new Client(place);
    await once(client.socket, 'open');
    return client;
  }

  send(message: ClientMessage | unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  changes(id: string): Extract<ServerMessage, { type: 'changes' }>[] {
    return this.received.filter((message) => message.type === 'changes').filter((message) => message.id === id);
  }

  /** Ids in the order in which they came. */
  ids(id: string): string[] {
    return this.changes(id).flatMap(({ changed }) => (changed as { id: string }[]).map((one) => one.id));
  }

  async ready(id: string): Promise<void> {
    await until(() => this.changes(id).at(-1)?.ready === true, `${id} is ready`);
  }

  errors(): Extract<ServerMessage, { type: 'error' }>[] {
    return this.received.filter((message) => message.type === 'error');
  }
}

describe('API events', () => {
  let place: Place;
  beforeEach(async () => {
    place = await new Place().start({ limits: { changes: 10, subscriptions: 5, sockets: 3, bufferedBytes: 100_000 } });
  });
  afterEach(() => place.stop());

  it('give what there is in pages, ready on the last, then each change of the topic', async () => {
    for (let i = 0; i < 25; i++) place.controlPlane.put('runs', `r${i}`);
    place.controlPlane.put('sweeps', 's1');
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    await client.ready('a');
    assert.deepEqual(
      client.changes('a').map(({ ready, changed }) => [ready, changed.length]),
      [
        [false, 10],
        [false, 10],
        [true, 5],
      ],
    );
    assert.equal(client.changes('a').at(-1)!.cursor, place.controlPlane.cursor);
    place.controlPlane.put('sweeps', 's2');
    place.controlPlane.put('runs', 'r3');
    place.controlPlane.remove('runs', 'r4');
    await until(() => client.changes('a').at(-1)!.removed.includes('r4'), 'the removal');
    assert.deepEqual(client.ids('a').slice(25), ['r3']);
  });

  it('say at once that an empty topic is ready', async () => {
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    await client.ready('a');
    assert.deepEqual(client.received, [{ type: 'changes', id: 'a', cursor: 0, ready: true, changed: [], removed: [] }]);
  });

  it('are narrowed to an object, a project or a parent', async () => {
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'trials', of: 's1' });
    await client.ready('a');
    place.controlPlane.put('trials', 's1/0', { parent: 's1' });
    place.controlPlane.put('trials', 's2/0', { parent: 's2' });
    place.controlPlane.put('trials', 'x', { project: 's1' });
    await until(() => client.ids('a').includes('x'), 'the last change');
    assert.deepEqual(client.ids('a'), ['s1/0', 'x']);
  });

  it('read nothing while nothing of theirs changes', async () => {
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'trials', of: 's1' });
    await client.ready('a');
    const { reads } = place.controlPlane;
    for (let i = 0; i < 20; i++) {
      place.controlPlane.put('trials', `s2/${i}`, { parent: 's2' });
      place.controlPlane.put('runs', `r${i}`);
      await new Promise(setImmediate);
    }
    assert.equal(place.controlPlane.reads, reads);
  });

  it('resume from a cursor while changes are committed: nothing is lost, nothing comes twice', async () => {
    let next = 0;
    const commit = () => place.controlPlane.put('runs', `r${next++}`);
    let cursor: number | undefined;
    const seen: string[] = [];
    for (let connection = 0; connection < 8; connection++) {
      for (let i = 0; i < 25; i++) commit();
      const client = await Client.open(place);
      client.send({ type: 'subscribe', id: 'a', topic: 'runs', cursor });
      // One commit after another, while it catches up and when it is live.
      while (client.changes('a').filter(({ ready }) => ready).length < 5) {
        commit();
        await new Promise(setImmediate);
      }
      if (connection === 7) await until(() => client.ids('a').at(-1) === `r${next - 1}`, 'the last change');
      // Cut off in the middle of whatever is under way: what has arrived counts, with its cursor.
      client.socket.terminate();
      seen.push(...client.ids('a'));
      cursor = client.changes('a').at(-1)!.cursor;
    }
    assert.deepEqual(
      seen,
      Array.from({ length: next }, (_, i) => `r${i}`),
    );
  });

  it('begin anew, and say so, after a cursor of another database', async () => {
    place.controlPlane.put('runs', 'r1');
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'runs', cursor: 1000 });
    await client.ready('a');
    assert.deepEqual(
      client.received.map(({ type }) => type),
      ['resync', 'changes'],
    );
    assert.deepEqual(client.ids('a'), ['r1']);
  });

  it('end with the subscription; the same id may be used again', async () => {
    const client = await Client.open(place);
    client.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    await client.ready('a');
    client.send({ type: 'unsubscribe', id: 'a' });
    client.send({ type: 'subscribe', id: 'b', topic: 'runs' });
    await client.ready('b');
    place.controlPlane.put('runs', 'r1');
    await until(() => client.ids('b').length === 1, 'the change');
    assert.deepEqual(client.ids('a'), []);
    client.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    client.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    await until(() => client.ids('a').length >= 1, 'the same again');
  });

  it('wait for a client that does not read, and hold no more for it than the limit', async () => {
    const data = { text: 'x'.repeat(2000) };
    for (let i = 0; i < 5; i++) place.controlPlane.put('runs', `r${i}`, { data });
    const slow = await Client.open(place);
    slow.send({ type: 'subscribe', id: 'a', topic: 'runs' });
    await slow.ready('a');
    slow.socket.pause();
    // Until the kernel's buffers are full too, and the reader stands still.
    let reads = -1;
    const commit = () => {
      for (let i = 0; i < 5; i++) place.controlPlane.put('runs', `r${i}`, { data });
    };
    await until(
      async () => {
        const before = reads;
        commit();
        for (let i = 0; i < 5; i++) await new Promise(setImmediate);
        reads = place.controlPlane.reads;
        return reads === before;
      },
      'the reader stands still',
      30_000,
    );
    for (let i = 0; i < 2000; i++) commit();
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    assert.equal(place.controlPlane.reads, reads, 'nothing is read for a client that does not read');
    const figures = await place.ask({ path: '/metrics' });
    const buffered = Number(/^slipway_websocket_buffered_bytes (\d+)$/m.exec(figures.text)?.[1]);
    assert.ok(buffered > 100_000 && buffered < 200_000, `${buffered} bytes`);
    const count = slow.received.length;
    slow.socket.resume();
    const isLatest = () => slow.changes('a').at(-1)!.cursor === place.controlPlane.cursor;
    await until(isLatest, 'it has caught up');
    const last = new Map(
      slow
        .changes('a')
        .flatMap(({ changed }) => (changed as { id: string; n: number }[]).map((one) => [one.id, one.n])),
    );
    assert.deepEqual(
      [...last.values()].sort((a, b) => a - b),
      [4, 3, 2, 1, 0].map((back) => place.controlPlane.cursor - back),
    );
    assert.ok(slow.received.length > count);
    const cursors = slow.changes('a').map(({ cursor }) => cursor);
    assert.deepEqual(
      cursors,
      [...new Set(cursors)].sort((a, b) => a - b),
    );
  });

  it('cut off a client that only sends and never reads', async () => {
    const client = await Client.open(place);
    client.socket.pause();
    const isCutOff = async () => /^slipway_websockets 0$/m.test((await place.ask({ path: '/metrics' })).text);
    await until(
      async () => {
        for (let i = 0; i < 500; i++) client.socket.send('x');
        return isCutOff();
      },
      'the end of the client',
      30_000,
    );
    client.socket.terminate();
  });

  for (const [what, message, id] of [
    ['text that is no JSON', '{', ''],
    ['null', 'null', ''],
    ['an unknown type', '{"type":"drop","id":"a"}', 'a'],
    ['an unknown topic', '{"type":"subscribe","id":"a","topic":"__proto__"}', 'a'],
    ['an unknown field', '{"type":"subscribe","id":"a","topic":"runs","x":1}', 'a'],
    ['a negative cursor', '{"type":"subscribe","id":"a","topic":"runs","cursor":-1}', 'a'],
    ['an id that is none', '{"type":"subscribe","id":{},"topic":"runs"}', ''],
  ] as const) {
    it(`answer an error to ${what}, and go on`, async () => {
      const client = await Client.open(place);
      client.socket.send(message);
      await until(() => client.errors().length === 1, 'the error');
      assert.equal(client.errors()[0]!.id, id);
      assert.equal(client.errors()[0]!.code, 'events.badMessage');
      client.send({ type: 'subscribe', id: 'b', topic: 'runs' });
      await client.ready('b');
    });
  }

  it('close on a message above 64 KiB and on broken frames; the server goes on', async () => {
    const large = await Client.open(place);
    large.socket.send('x'.repeat(64 * 1024 + 1));
    await until(() => large.closed === 1009, 'the end of the large one');
    const socket = net.connect(Number(new URL(place.api.url).port), '127.0.0.1');
    socket.write(
      `GET /api/v1/events HTTP/1.1\r\nHost: ${place.host}\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
    );
    const [head] = await once(socket, 'data');
    assert.match(String(head), /^HTTP\/1\.1 101 /);
    assert.doesNotMatch(String(head), /deflate/);
    socket.end(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    await once(socket, 'close');
    assert.equal((await place.ask()).status, 200);
  });

  it('are bounded: subscriptions by an error, sockets by 503 with Retry-After', async () => {
    const client = await Client.open(place);
    for (let i = 0; i < 6; i++) client.send({ type: 'subscribe', id: `s${i}`, topic: 'runs' });
    await until(() => client.errors().length === 1, 'the error');
    assert.deepEqual([client.errors()[0]!.id, client.errors()[0]!.code], ['s5', 'events.tooMany']);
    await Client.open(place);
    await Client.open(place);
    const refused = new Client(place);
    const [, response] = await once(refused.socket, 'unexpected-response');
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [503, '1']);
    client.socket.close();
    await until(() => client.closed !== undefined, 'one less');
    await Client.open(place);
  });

  it('carry logs until they end, and stop the source with the subscription', async () => {
    let stopped = 0;
    place.controlPlane.logs = async function* (signal) {
      try {
        yield { offset: 0, next: 5, text: 'epoch', ended: false };
        if (!signal.aborted) await once(signal, 'abort');
      } finally {
        stopped++;
      }
    };
    const client = await Client.open(place);
    client.send({ type: 'logs', id: 'l', run: 'r1', offset: 0 });
    client.send({ type: 'logs', id: 'm', run: 'r1', offset: 0 });
    await until(() => client.received.length === 2, 'the text');
    assert.deepEqual(client.received[0], { type: 'logs', id: 'l', offset: 0, next: 5, text: 'epoch', ended: false });
    client.send({ type: 'unsubscribe', id: 'l' });
    await until(() => stopped === 1, 'the end of the first');
    client.socket.terminate();
    await until(() => stopped === 2, 'the end of the second');
  });

  it('carry metrics in file order, long series in several messages', async () => {
    const count = 12_000;
    place.controlPlane.metrics = async function* (have) {
      const from = have['loss'] ?? 0;
      const steps = Array.from({ length: count - from }, (_, i) => from + i);
      yield { tag: 'loss', from, steps, wallTimes: steps, values: steps.map((step) => (step === 20 ? 'NaN' : step)) };
    };
    const client = await Client.open(place);
    client.send({ type: 'metrics', id: 'm', run: 'r1', have: { loss: 10 } });
    const parts = () => client.received.filter((message) => message.type === 'metrics');
    await until(() => parts().reduce((sum, { steps }) => sum + steps.length, 0) === count - 10, 'all points');
    assert.deepEqual(
      parts().map(({ from }) => from),
      [10, 5010, 10_010],
    );
    assert.equal(parts()[0]!.values[10], 'NaN');
  });

  it('tell why a subscription has failed, and nothing of what was not meant for people', async () => {
    place.controlPlane.logs = async function* () {
      yield { offset: 0, next: 0, text: '', ended: false };
      throw new Error('the secret inside of a bug');
    };
    const client = await Client.open(place);
    client.send({ type: 'logs', id: 'l', run: 'r1', offset: 0 });
    await until(() => client.errors().length === 1, 'the error');
    assert.equal(client.errors()[0]!.code, 'internal');
    assert.doesNotMatch(JSON.stringify(client.received), /secret inside/);
  });

  it('close with the control plane', async () => {
    const client = await Client.open(place);
    const other = await new Place().start();
    const last = await Client.open(other);
    await other.stop();
    await until(() => last.closed === 1001, 'the close');
    assert.equal(client.closed, undefined);
  });
});
