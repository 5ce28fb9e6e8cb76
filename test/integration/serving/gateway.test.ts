import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type Gateway,
  listenOnLoopback,
  readOverSocket,
  routesTo,
  sendRaw,
  startGateway,
  until,
} from './gatewayHarness.ts';

describe('gateway', function () {
  this.timeout(20_000);
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function replica(answer: http.RequestListener): Promise<number> {
    const server = http.createServer((request, response) => {
      if (request.url === '/ready') response.end('ok');
      else answer(request, response);
    });
    const { port, close } = await listenOnLoopback(server);
    closers.push(close);
    return port;
  }

  async function gateway(routes: unknown): Promise<Gateway> {
    const started = await startGateway(routes);
    closers.push(started.close);
    return started;
  }

  const echo: http.RequestListener = async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  };

  it('removes the prefix, passes body and fields on, and says where the answer came from', async () => {
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [await replica(echo)] } }));
    const response = await fetch(`${url}/endpoints/digits/predict?x=1`, {
      method: 'POST',
      body: '[1,2]',
      headers: { 'X-Request-Id': 'mine-1', 'X-Slipway-Replica-Secret': 'forged', Authorization: 'Bearer user' },
    });
    assert.equal(response.headers.get('x-slipway-revision'), 'v5');
    assert.equal(response.headers.get('x-slipway-receipt'), 'receipt-v5');
    assert.equal(response.headers.get('x-request-id'), 'mine-1');
    const seen = (await response.json()) as {
      method: string;
      url: string;
      headers: Record<string, string>;
      body: string;
    };
    assert.equal(seen.method, 'POST');
    assert.equal(seen.url, '/predict?x=1');
    assert.equal(seen.body, '[1,2]');
    assert.equal(seen.headers['x-request-id'], 'mine-1');
    assert.equal(seen.headers['x-slipway-replica-secret'], undefined);
    assert.equal(seen.headers['authorization'], 'Bearer user');
    assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  });

  it('makes a request id where the client sent none or an insane one', async () => {
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [await replica(echo)] } }));
    for (const sent of [[], [['X-Request-Id', 'a b{}']]] as [string, string][][]) {
      const response = await fetch(`${url}/endpoints/digits/`, { headers: sent });
      assert.match(response.headers.get('x-request-id')!, /^[0-9a-f-]{36}$/);
    }
  });

  it('answers unknown endpoints 404 and an endpoint without a ready replica 503, as JSON', async () => {
    const { url, statistics } = await gateway(routesTo({ v5: { weight: 100, ports: [1] } }));
    const unknown = await fetch(`${url}/endpoints/other/predict`);
    assert.equal(unknown.status, 404);
    assert.equal(((await unknown.json()) as { code: string }).code, 'gateway.noSuchEndpoint');
    const unready = await fetch(`${url}/endpoints/digits/predict`);
    assert.equal(unready.status, 503);
    assert.equal(unready.headers.get('retry-after'), '1');
    assert.equal((await statistics()).endpoints['digits']?.unanswered, 1);
  });

  it('asks for the token of a private endpoint and keeps it from the replica', async () => {
    const started = await gateway({ endpoints: {} });
    await writeFile(path.join(started.folder, 'token'), 't0ken\n');
    const port = await replica(echo);
    await started.route(routesTo({ v5: { weight: 100, ports: [port] } }, { access: 'private', tokenFile: 'token' }));
    const ask = (authorization: string) => {
      const headers: Record<string, string> = authorization === '' ? {} : { authorization };
      return fetch(`${started.url}/endpoints/digits/`, { headers });
    };
    await until(async () => (await ask('')).status !== 404);
    for (const bad of ['', 'Bearer wrong', 'Bearer t0kem', 'Basic t0ken']) assert.equal((await ask(bad)).status, 401);
    const response = await ask('Bearer t0ken');
    assert.equal(response.status, 200);
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    assert.equal(headers['authorization'], undefined);
  });

  it('gives each revision its weight, and a new weight from the next request on', async () => {
    const ports = [await replica(echo), await replica(echo)];
    const weights = (v5: number) =>
      routesTo({ v5: { weight: v5, ports: [ports[0]!] }, v6: { weight: 100 - v5, ports: [ports[1]!] } });
    const started = await gateway(weights(95));
    const count = async () => {
      const counts: Record<string, number> = { v5: 0, v6: 0 };
      for (let request = 0; request < 100; request++) {
        const response = await fetch(`${started.url}/endpoints/digits/`);
        await response.arrayBuffer();
        counts[response.headers.get('x-slipway-revision')!]!++;
      }
      return counts;
    };
    await until(async () => {
      const { revisions } = (await started.statistics()).endpoints['digits']!;
      return Object.values(revisions).every(({ replicas }) => replicas.every(({ state }) => state === 'ready'));
    });
    assert.deepEqual(await count(), { v5: 95, v6: 5 });
    await started.route(weights(50));
    await until(async () => (await started.statistics()).routes.loaded === 2);
    assert.deepEqual(await count(), { v5: 50, v6: 50 });
  });

  it('sends the same sticky header to the same revision', async () => {
    const ports = [await replica(echo), await replica(echo)];
    const revisions = { v5: { weight: 50, ports: [ports[0]!] }, v6: { weight: 50, ports: [ports[1]!] } };
    const { url } = await gateway(routesTo(revisions, { sticky: { header: 'X-User' } }));
    await fetch(`${url}/endpoints/digits/`);
    for (const user of ['a', 'b', 'c', 'd']) {
      const seen = new Set<string | null>();
      for (let request = 0; request < 5; request++) {
        const response = await fetch(`${url}/endpoints/digits/`, { headers: { 'X-User': user } });
        seen.add(response.headers.get('x-slipway-revision'));
      }
      assert.equal(seen.size, 1);
    }
  });

  it('refuses a bad routes file, counts it, and goes on with the last good one', async () => {
    const started = await gateway(routesTo({ v5: { weight: 100, ports: [await replica(echo)] } }));
    await started.route('{"endpoints": {"digits": {"access": "everybody"}}}');
    await until(async () => (await started.statistics()).routes.refused === 1);
    const { routes } = await started.statistics();
    assert.match(routes.problem!, /endpoints\.digits/);
    assert.equal((await fetch(`${started.url}/endpoints/digits/`)).status, 200);
    assert.ok(started.log.some(({ event }) => event === 'routesRefused'));
  });

  it('sends a GET again whose connection broke before an answer, and never a POST', async () => {
    const received: string[] = [];
    const breaking: http.RequestListener = (request) => {
      received.push(request.method!);
      request.socket.resetAndDestroy();
    };
    const breakingPort = await replica(breaking);
    const { url, statistics } = await gateway(
      routesTo({ v5: { weight: 100, ports: [breakingPort, await replica(echo)] } }),
    );
    // Few enough that the breaking replica is not taken out.
    for (let request = 0; request < 4; request++) assert.equal((await fetch(`${url}/endpoints/digits/`)).status, 200);
    assert.ok(received.includes('GET'));
    const posts: number[] = [];
    for (let request = 0; request < 4; request++) {
      posts.push((await fetch(`${url}/endpoints/digits/`, { method: 'POST', body: 'x' })).status);
    }
    const failed = posts.filter((status) => status === 502).length;
    assert.ok(failed > 0);
    assert.equal(received.filter((method) => method === 'POST').length, failed);
    const { exceptions } = await statistics();
    assert.equal(exceptions.at(-1)?.status, 502);
  });

  it('does not send a GET again once a byte of an answer came', async () => {
    let received = 0;
    const { port, close } = await listenOnLoopback(
      net.createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', (bytes) => {
          if (bytes.toString().startsWith('GET /ready')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
          else {
            received++;
            socket.end('HTTP/1.1 20');
          }
        });
      }),
    );
    closers.push(close);
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    assert.equal((await fetch(`${url}/endpoints/digits/`)).status, 502);
    assert.equal(received, 1);
  });

  it('sends a POST to another replica when the first takes no connection', async () => {
    const leaving = http.createServer((_request, response) => response.end());
    const { port, close } = await listenOnLoopback(leaving);
    const { url, statistics } = await gateway(routesTo({ v5: { weight: 100, ports: [port, await replica(echo)] } }));
    await until(async () =>
      (await statistics()).endpoints['digits']!.revisions['v5']!.replicas.every(({ state }) => state === 'ready'),
    );
    await close();
    for (let request = 0; request < 4; request++) {
      assert.equal((await fetch(`${url}/endpoints/digits/`, { method: 'POST', body: 'x' })).status, 200);
    }
  });

  it('breaks the connection to the client when an answer breaks off', async () => {
    const port = await replica((_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half', () => response.destroy());
    });
    const { url, statistics } = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    await assert.rejects(fetch(`${url}/endpoints/digits/`).then((response) => response.text()));
    assert.equal((await statistics()).endpoints['digits']!.revisions['v5']!.errors, 1);
  });

  it('refuses bodies above the limit, with and without a length', async () => {
    const { url } = await gateway(
      routesTo({ v5: { weight: 100, ports: [await replica(echo)] } }, { maxBodyBytes: 1000 }),
    );
    const body = 'x'.repeat(1001);
    assert.equal((await fetch(`${url}/endpoints/digits/`, { method: 'POST', body })).status, 413);
    const request = http.request(`${url}/endpoints/digits/`, { method: 'POST' });
    request.on('error', () => {});
    request.write(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    assert.equal(response.statusCode, 413);
    request.destroy();
  });

  it('answers 504 when a replica takes too long', async () => {
    const { url } = await gateway(
      routesTo({ v5: { weight: 100, ports: [await replica(() => {})] } }, { timeoutMs: 100 }),
    );
    assert.equal((await fetch(`${url}/endpoints/digits/`)).status, 504);
  });

  it('streams events and request bodies as they come', async () => {
    const port = await replica((request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.flushHeaders();
      request.on('data', (chunk: Buffer) => response.write(`data: ${chunk.toString()}\n\n`));
      request.on('end', () => response.end());
    });
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    const request = http.request(`${url}/endpoints/digits/events`, { method: 'POST' });
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    for (const word of ['one', 'two']) {
      request.write(word);
      const [chunk] = (await once(response, 'data')) as [Buffer];
      assert.equal(chunk.toString(), `data: ${word}\n\n`);
    }
    request.end();
    await once(response.resume(), 'end');
  });

  it('carries large bodies both ways unchanged', async () => {
    const port = await replica((request, response) => request.pipe(response));
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefg');
    const response = await fetch(`${url}/endpoints/digits/`, { method: 'POST', body });
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(body));
  });

  it('carries WebSockets', async () => {
    const server = http.createServer((_request, response) => response.end('ready'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket, request) => {
      socket.on('message', (message) => socket.send(`${request.url} ${String(message)}`));
    });
    const { port, close } = await listenOnLoopback(server);
    closers.push(close);
    const { url } = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    assert.equal((await fetch(`${url}/endpoints/digits/`)).status, 200);
    const client = new WebSocket(`${url.replace('http', 'ws')}/endpoints/digits/live`);
    await once(client, 'open');
    client.send('hello');
    const [message] = (await once(client, 'message')) as [Buffer];
    assert.equal(message.toString(), '/live hello');
    client.close();
    await once(client, 'close');
  });

  it('streams statistics: a line at once, and one when something changed', async () => {
    const started = await gateway(routesTo({ v5: { weight: 100, ports: [await replica(echo)] } }));
    const request = http.get({ socketPath: started.adminSocket, path: '/stats/stream' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    response.on('data', (chunk) => {
      text += chunk;
    });
    await until(() => text.includes('\n'));
    await fetch(`${started.url}/endpoints/digits/`);
    await until(() => {
      const last = text.trimEnd().split('\n').at(-1)!;
      return text.endsWith('\n') && JSON.parse(last).endpoints.digits.revisions.v5.requests === 1;
    });
    request.destroy();
    const metrics = await readOverSocket(started.adminSocket, '/metrics');
    assert.match(metrics, /slipway_gateway_requests_total\{endpoint="digits",revision="v5",status="2xx"\} 1\n/);
  });

  it('finishes what is under way before it ends, and takes nothing new', async () => {
    let release = () => {};
    const port = await replica((_request, response) => {
      release = () => response.end('late');
    });
    const started = await startGateway(routesTo({ v5: { weight: 100, ports: [port] } }));
    const late = fetch(`${started.url}/endpoints/digits/`);
    await until(async () => (await started.statistics()).endpoints['digits']!.revisions['v5']!.inFlight === 1);
    const closed = started.close();
    await assert.rejects(fetch(`${started.url}/endpoints/digits/`));
    release();
    assert.equal(await (await late).text(), 'late');
    await closed;
  });

  describe('refuses with 400 and closes', () => {
    const post = 'POST /endpoints/digits/ HTTP/1.1\r\nHost: a\r\n';
    const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
    const requests: Record<string, string> = {
      'both Content-Length and Transfer-Encoding': `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'doubled lengths': `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
      'differing lengths': `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
      'a list of lengths': `${post}Content-Length: 3, 3\r\n\r\nabc`,
      'a signed length': `${post}Content-Length: +3\r\n\r\nabc`,
      'obs-fold': 'GET /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
      'bare LF': 'GET /endpoints/digits/ HTTP/1.1\nHost: a\n\n',
      'bare LF in a field': 'GET /endpoints/digits/ HTTP/1.1\r\nHost: a\nX: b\r\n\r\n',
      'a chunk size that is no number': `${chunked}zz\r\nabc\r\n0\r\n\r\n`,
      'a chunk longer than its size': `${chunked}3\r\nabcd\r\n0\r\n\r\n`,
      'chunks with bare LF': `${chunked}3\nabc\n0\n\n`,
      'an unknown transfer coding': `${post}Transfer-Encoding: identity\r\n\r\nabc`,
      'Transfer-Encoding in HTTP/1.0':
        'POST /endpoints/digits/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'two hosts': 'GET /endpoints/digits/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n',
    };
    for (const [name, bytes] of Object.entries(requests)) {
      it(name, async () => {
        const whole: string[] = [];
        const port = await replica((request, response) => {
          request.on('error', () => {});
          request.on('end', () => {
            whole.push(request.url!);
            response.end();
          });
          request.resume();
        });
        const started = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }));
        const answer = await sendRaw(started.port, bytes);
        assert.match(answer, /^HTTP\/1\.1 400 /);
        assert.match(answer, /\r\nconnection: close\r\n/i);
        assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
        assert.deepEqual(whole, []);
      });
    }
  });
});
