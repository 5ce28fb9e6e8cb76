/** Clients that mean no good, or cannot help it: the gateway survives them, and no other client notices. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { type Gateway, listenOnLoopback, routesTo, sendRaw, startGateway, until } from './gatewayHarness.ts';

const IDLE_CONNECTIONS = 10_000;

describe('gateway and hostile clients', function () {
  this.timeout(120_000);
  const closers: (() => Promise<void>)[] = [];
  /** Whole requests that replicas got. */
  let seen: { url: string; body: string }[] = [];
  /** Requests that replicas saw break off. */
  let broken = 0;
  beforeEach(() => {
    seen = [];
    broken = 0;
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A gateway before a replica that answers each request with what it was asked. */
  async function start(endpoint: object = {}): Promise<Gateway> {
    const server = http.createServer((request, response) => {
      if (request.url === '/ready') {
        response.end();
        return;
      }
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        seen.push({ url: request.url!, body });
        response.end(`${request.url} ${request.headers['x-client'] ?? ''} ${body}`);
      });
      request.on('error', () => {
        broken++;
      });
    });
    const replica = await listenOnLoopback(server);
    closers.push(replica.close);
    const gateway = await startGateway(routesTo({ v5: { weight: 100, ports: [replica.port] } }, endpoint));
    closers.push(gateway.close);
    await until(async () => (await counted(gateway)).replicas[0]?.state === 'ready');
    return gateway;
  }

  /** A gateway with the same routes in a process of its own, which has files of its own to open. */
  async function inProcess({ folder }: Gateway): Promise<{ url: string; port: number }> {
    const options = ['--routes', path.join(folder, 'routes.json'), '--listen', '127.0.0.1:0'];
    const main = path.resolve(import.meta.dirname, '../../../server/cli/main.ts');
    const child = spawn(process.execPath, [main, 'gateway', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    closers.push(async () => {
      if (child.exitCode === null && child.kill()) await once(child, 'exit');
    });
    let said = '';
    for await (const text of child.stdout) {
      said += text;
      const url = /"address":"(http:[^"]+)","instance"/.exec(said)?.[1];
      // Leaving the loop closes the pipe: a gateway without a reader of its log serves on.
      if (url !== undefined) return { url, port: Number(new URL(url).port) };
    }
    throw new Error(`the gateway ended: ${said}`);
  }

  const counted = async (gateway: Gateway) => (await gateway.statistics()).endpoints['digits']!.revisions['v5']!;

  async function connect(gateway: { port: number }): Promise<net.Socket> {
    const socket = net.connect(gateway.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  async function assertServes(gateway: { url: string }): Promise<void> {
    const answer = await fetch(`${gateway.url}/endpoints/digits/after`, { method: 'POST', body: 'mine' });
    assert.deepEqual([answer.status, await answer.text()], [200, '/after  mine']);
  }

  const post = 'POST /endpoints/digits/upload HTTP/1.1\r\nHost: a\r\n';

  it('gives up requests whose clients stop in the middle of a small body: no replica sees them', async () => {
    const gateway = await start();
    for (const stop of ['destroy', 'end'] as const) {
      const socket = await connect(gateway);
      socket.write(`${post}Content-Length: 1000\r\n\r\nsecret of the first client`);
      socket[stop]();
      await once(socket.resume(), 'close');
    }
    await assertServes(gateway);
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/after'],
    );
  });

  it('breaks requests off at the replica whose clients stop in the middle of a streamed body', async () => {
    const gateway = await start();
    const heads = ['Content-Length: 1000000\r\n\r\nsecret', 'Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n'];
    for (const [index, head] of heads.entries()) {
      const socket = await connect(gateway);
      socket.write(post + head);
      await until(async () => (await counted(gateway)).inFlight === 1);
      socket.destroy();
      await until(() => broken === index + 1);
      await until(async () => (await counted(gateway)).inFlight === 0);
    }
    await assertServes(gateway);
    assert.deepEqual(
      seen.map(({ body }) => body),
      ['mine'],
    );
    assert.equal((await counted(gateway)).errors, 0, 'the replica is not at fault');
  });

  it('ends uploads that stall, at the endpoint’s timeout', async () => {
    const gateway = await start({ timeoutMs: 100 });
    for (const head of ['Content-Length: 1000000\r\n\r\nsecret', 'Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n']) {
      const answer = await sendRaw(gateway.port, post + head);
      assert.match(answer, /^HTTP\/1\.1 504 /);
    }
    await assertServes(gateway);
  });

  it(`serves on beside ${IDLE_CONNECTIONS} idle connections`, async function () {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (Number(limit) < IDLE_CONNECTIONS + 1000) {
      console.log(`      skipped: this process may open ${limit} files only (ulimit -n)`);
      this.skip();
    }
    const gateway = await inProcess(await start());
    const sockets: net.Socket[] = [];
    while (sockets.length < IDLE_CONNECTIONS) {
      const more = Array.from({ length: 500 }, () => connect(gateway));
      sockets.push(...(await Promise.all(more)));
    }
    try {
      for (let request = 0; request < 100; request++) await assertServes(gateway);
      assert.equal(sockets.filter((socket) => socket.destroyed).length, 0);
      // Every hundredth was idle for long enough: it asks now, and is answered.
      for (const socket of sockets.filter((_, index) => index % 100 === 0)) {
        socket.write('GET /endpoints/digits/late HTTP/1.1\r\nHost: a\r\n\r\n');
        const [bytes] = (await once(socket, 'data')) as [Buffer];
        assert.match(bytes.toString(), /^HTTP\/1\.1 200 /);
      }
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    await assertServes(gateway);
  });

  it('refuses heads of 64 kB, in one field or in many, and closes', async () => {
    const gateway = await start();
    const large = 'x'.repeat(64 * 1024);
    const many = Array.from({ length: 64 }, (_, index) => `X-${index}: ${'y'.repeat(1000)}\r\n`).join('');
    for (const fields of [`X: ${large}\r\n`, many, `${large}: x\r\n`]) {
      const answer = await sendRaw(gateway.port, `GET /endpoints/digits/ HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      assert.match(answer, /^HTTP\/1\.1 (400|431) /);
    }
    const line = await sendRaw(gateway.port, `GET /endpoints/digits/${large} HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.match(line, /^HTTP\/1\.1 (400|431) /);
    assert.deepEqual(seen, []);
    await assertServes(gateway);
  });

  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  const next = 'GET /endpoints/digits/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  const nonsense: Record<string, string> = {
    'a chunk size beyond every number': `${chunked}ffffffffffffffffff\r\nx\r\n0\r\n\r\n`,
    'a negative chunk size': `${chunked}-1\r\nx\r\n0\r\n\r\n`,
    'a chunk size with a prefix': `${chunked}0x3\r\nabc\r\n0\r\n\r\n`,
    'an empty chunk size': `${chunked}\r\nabc\r\n0\r\n\r\n`,
    'a chunk without its line end': `${chunked}3\r\nabcXX0\r\n\r\n${next}`,
    'a NUL in a chunk size': `${chunked}3\0\r\nabc\r\n0\r\n\r\n`,
    'bytes after a chunk size': `${chunked}3 zz\r\nabc\r\n0\r\n\r\n`,
    'a length behind an encoding': `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${next}`,
    'a length before an encoding': `${post}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${next}`,
    'chunked twice': `${post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${next}`,
    'chunked that is not last': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${next}`,
    'an encoding with a control character': `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${next}`,
    'a space before the colon': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${next}`,
    'a space before the first field': `POST /endpoints/digits/ HTTP/1.1\r\n Content-Length: 3\r\nHost: a\r\n\r\nabc${next}`,
    'a length in hexadecimal': `${post}Content-Length: 0x3\r\n\r\nabc${next}`,
    'a negative length': `${post}Content-Length: -3\r\n\r\nabc${next}`,
    'a length with a space in it': `${post}Content-Length: 3 4\r\n\r\nabc${next}`,
    'a bare CR in a field': `${post}X: a\rContent-Length: 3\r\n\r\nabc${next}`,
    'a NUL in a field': `${post}X: a\0b\r\nContent-Length: 3\r\n\r\nabc`,
    'no HTTP at all': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    'another version': 'GET /endpoints/digits/ HTTP/2.0\r\nHost: a\r\n\r\n',
  };
  for (const [name, bytes] of Object.entries(nonsense)) {
    it(`answers ${name} with one 400, and nothing behind it reaches a replica`, async () => {
      const gateway = await start();
      const answer = await sendRaw(gateway.port, bytes);
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.equal(answer.match(/HTTP\/1\.1 /g)!.length, 1);
      await assertServes(gateway);
      assert.deepEqual(
        seen.map(({ url }) => url),
        ['/after'],
      );
    });
  }

  it('takes what looks like a request inside a body for the body', async () => {
    const gateway = await start();
    const answer = await sendRaw(
      gateway.port,
      `${post}Content-Length: ${next.length}\r\nConnection: close\r\n\r\n${next}`,
    );
    assert.equal(answer.match(/HTTP\/1\.1 200/g)!.length, 1);
    assert.deepEqual(seen, [{ url: '/upload', body: next }]);
  });

  it('lets no client take fields away that the gateway adds, nor add those that it alone may', async () => {
    const fields: http.IncomingHttpHeaders[] = [];
    const server = http.createServer((request, response) => {
      fields.push(request.headers);
      response.end();
    });
    const replica = await listenOnLoopback(server);
    closers.push(replica.close);
    const revision = { v5: { weight: 100, ports: [replica.port] } };
    const gateway = await startGateway(routesTo(revision));
    closers.push(gateway.close);
    const forged =
      'X-Slipway-Replica-Secret: forged\r\nX_Slipway_Replica_Secret: forged\r\nX-Forwarded-Prefix: /evil\r\n';
    const nominated = 'Connection: close, X-Forwarded-For, X-Request-Id, Content-Length, Host, X-Own\r\nX-Own: 1\r\n';
    await sendRaw(gateway.port, `${post}${forged}${nominated}X-Request-Id: mine\r\nContent-Length: 2\r\n\r\nab`);
    const got = fields.at(-1)!;
    assert.equal(got['x-slipway-replica-secret'], undefined);
    assert.equal(got['x_slipway_replica_secret'], undefined);
    assert.equal(got['x-forwarded-prefix'], '/endpoints/digits');
    assert.equal(got['x-forwarded-for'], '127.0.0.1');
    assert.equal(got['content-length'], '2');
    assert.deepEqual([got['x-request-id'], got.host, got['x-own']], ['mine', 'a', undefined]);
  });

  it('gives each of many clients its own answers while others break off in between', async () => {
    const gateway = await start();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    let isOver = false;
    const breaking = Array.from({ length: 4 }, async () => {
      for (let turn = 0; !isOver; turn++) {
        const socket = await connect(gateway);
        const kinds = [
          `${post}Content-Length: 1000000\r\n\r\nforeign`,
          `${post}Content-Length: 7\r\n\r\nforeign`,
          `${chunked}7\r\nforeign\r\n`,
          `${chunked}7\r\nforeign\r\nzz\r\n`,
          `${post}Content-Length: 5000\r\n\r\nforeign`,
        ];
        socket.write(kinds[turn % kinds.length]!);
        await new Promise((resolve) => setImmediate(resolve));
        socket.destroy();
      }
    });
    const ask = (client: string, body: string) =>
      new Promise<string>((resolve, reject) => {
        const options = { agent, port: gateway.port, method: 'POST', path: '/endpoints/digits/own' };
        const request = http.request({ ...options, headers: { 'X-Client': client } }, async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve(text);
        });
        request.on('error', reject);
        request.end(body);
      });
    const honest = Array.from({ length: 16 }, async (_, client) => {
      for (let number = 0; number < 50; number++) {
        const body = `${client}/${number}`;
        assert.equal(await ask(`c${client}`, body), `/own c${client} ${body}`);
      }
    });
    try {
      await Promise.all(honest);
    } finally {
      isOver = true;
      await Promise.all(breaking);
      agent.destroy();
    }
  });
});
