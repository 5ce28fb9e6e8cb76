// The listener for foreign applications, in front of a real HTTP and WebSocket server.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { hasCode } from './expect.ts';
import { type Answer, Place, request, token, until } from './place.ts';

interface Seen {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

describe('foreign applications', () => {
  let place: Place;
  let upstream: http.Server;
  let seen: Seen[];
  const secret = randomBytes(32).toString('hex');
  const base = `/${secret}`;

  before(async () => {
    place = await new Place().start();
    upstream = http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({ method: request.method!, url: request.url!, headers: request.headers, body });
      if (request.url === '/redirect') response.writeHead(302, { Location: '/lab?x=1' }).end();
      else if (request.url === '/break') {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('half', () => request.socket.destroy());
      } else {
        response.setHeader('Set-Cookie', ['_xsrf=1; Path=/', 'slipway-instance1=planted; Path=/', ' SLIPWAY-x=1']);
        const headers = {
          'X-Frame-Options': 'DENY',
          'Referrer-Policy': 'unsafe-url',
          'Access-Control-Allow-Origin': '*',
        };
        response.writeHead(200, {
          ...headers,
          'Clear-Site-Data': '"cookies"',
          'Service-Worker-Allowed': '/',
          'X-App': 'yes',
          'Content-Type': 'text/html',
        });
        if (request.url === '/script.js') response.end('let x = "</script>";');
        else {
          const head = '<head><script src="script.js" defer></script></head>';
          response.end(`${request.url === '/' ? head : ''}application at ${request.url}`);
        }
      }
    });
    const sockets = new WebSocketServer({ noServer: true });
    upstream.on('upgrade', (request, socket, head) => {
      seen.push({ method: request.method!, url: request.url!, headers: request.headers, body: '' });
      if (request.url === '/no') socket.end('HTTP/1.1 403 Forbidden\r\nX-App: no\r\nContent-Length: 2\r\n\r\nno');
      else sockets.handleUpgrade(request, socket, head, (one) => one.on('message', (data) => one.send(`echo ${data}`)));
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
  });
  beforeEach(() => {
    seen = [];
    place.controlPlane.secrets.set(secret, { host: '127.0.0.1', port: (upstream.address() as AddressInfo).port });
  });
  after(async () => {
    await place.stop();
    upstream.closeAllConnections();
    upstream.close();
  });

  const ask = (
    path: string,
    more: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> => request(place.api.foreignUrl, { path, ...more });

  it('are told to the control plane by an origin that is not that of the API', () => {
    assert.equal(place.controlPlane.foreignOrigin, place.api.foreignUrl);
    assert.notEqual(place.api.foreignUrl, place.api.url);
  });

  it('are reached under their path only, with the path removed', async () => {
    const answer = await ask(`${base}/data/plugin?tag=a%20b&x=%2F`);
    assert.equal(answer.text, 'application at /data/plugin?tag=a%20b&x=%2F');
    assert.match((await ask(`${base}/`)).text, /application at \/$/);
    const bare = await ask(`${base}?x=1`);
    assert.deepEqual([bare.status, bare.headers.location], [308, `${secret}/?x=1`]);
  });

  it('get bodies of any framing whole', async () => {
    const body = 'x'.repeat(3_000_000);
    for (const [name, value] of [
      ['content-length', String(body.length)],
      ['transfer-encoding', 'chunked'],
    ] as const) {
      for (const method of ['POST', 'DELETE']) {
        await ask(`${base}/upload`, { method, body, headers: { [name]: value } });
        assert.deepEqual([seen.at(-1)!.method, seen.at(-1)!.body.length], [method, body.length]);
      }
    }
  });

  it('get none of our credentials, on calls and on handshakes', async () => {
    const headers = {
      cookie: `a=1; slipway-instance1=secret; b=2;slipway-other=secret; Slipway-x=secret`,
      authorization: `Bearer ${token}`,
      'proxy-authorization': 'Basic secret',
      referer: `${place.api.foreignUrl}${base}/`,
      connection: 'x-nominated',
      'x-nominated': 'secret',
      'x-kept': 'yes',
    };
    await ask(`${base}/`, { headers });
    const { connection: _, 'x-nominated': __, ...rest } = headers; // ws writes Connection itself
    const socket = new WebSocket(`${place.api.foreignUrl.replace('http', 'ws')}${base}/ws`, { headers: rest });
    await once(socket, 'open');
    socket.terminate();
    assert.equal(seen.length, 2);
    for (const one of seen) {
      assert.equal(one.headers.cookie, 'a=1; b=2');
      assert.equal(one.headers['x-kept'], 'yes');
      assert.doesNotMatch(JSON.stringify(one), new RegExp(`secret"|=secret|${secret}|${token}`));
    }
  });

  it('may be framed by another site, tell nobody their address, and set no cookie of ours', async () => {
    const { headers } = await ask(`${base}/`);
    assert.equal(headers['x-app'], 'yes');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.deepEqual(headers['set-cookie'], ['_xsrf=1; Path=/']);
    for (const name of [
      'x-frame-options',
      'access-control-allow-origin',
      'clear-site-data',
      'service-worker-allowed',
      'content-security-policy',
    ]) {
      assert.equal(headers[name], undefined, name);
    }
  });

  it('are documents of no origin once our page around them was asked for, and only under that path', async () => {
    for (const name of ['relay.js', 'frame.js']) await writeFile(join(place.folder, name), `'${name}'`);
    const around = await ask(`${base}/.slipway/`);
    assert.match(around.text, /<script type="module" src="relay.js">/);
    assert.match(String(around.headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
    assert.equal((await ask(`${base}/.slipway/relay.js`)).text, "'relay.js'");
    assert.equal((await ask(`${base}/.slipway/constructor`)).status, 404);
    const document = await ask(`${base}/page`);
    assert.deepEqual(
      [document.headers['content-security-policy'], (await ask(`${base}/script.js`)).text],
      ['sandbox allow-scripts allow-downloads allow-popups', 'let x = "</script>";'],
    );
    const first = await ask(`${base}/`);
    assert.match(String(first.headers['content-security-policy']), /^sandbox [^;]*; default-src 'none'; /);
    assert.doesNotMatch(String(first.headers['content-security-policy']), /allow-same-origin|'self'/);
    assert.equal(
      first.text,
      `<head><script>'frame.js'</script><script defer>let x = "<\\/script>";</script></head>application at /`,
    );
    const other = randomBytes(32).toString('hex');
    place.controlPlane.secrets.set(other, place.controlPlane.secrets.get(secret)!);
    assert.equal((await ask(`/${other}/page`)).headers['content-security-policy'], undefined);
  });

  it('stay under their path when they redirect', async () => {
    assert.equal((await ask(`${base}/redirect`)).headers.location, `${base}/lab?x=1`);
  });

  it('speak WebSocket both ways, and end it with the panel', async () => {
    const socket = new WebSocket(`${place.api.foreignUrl.replace('http', 'ws')}${base}/ws?a=1`, {
      headers: { origin: 'https://other.example' },
    });
    await once(socket, 'open');
    assert.equal(seen.at(-1)!.url, '/ws?a=1');
    for (const text of ['one', 'x'.repeat(1_000_000)]) {
      socket.send(text);
      const [data] = await once(socket, 'message');
      assert.equal(String(data), `echo ${text}`);
    }
    place.controlPlane.secrets.delete(secret);
    await once(socket, 'close');
  }).timeout(15_000);

  it('may refuse a WebSocket themselves', async () => {
    const socket = new WebSocket(`${place.api.foreignUrl.replace('http', 'ws')}${base}/no`);
    const [, response] = await once(socket, 'unexpected-response');
    assert.deepEqual([response.statusCode, response.headers['x-app']], [403, 'no']);
  });

  it('are not there under any other path, and every refusal is the same', async () => {
    const other = randomBytes(32).toString('hex');
    const paths = [
      '/',
      '/data',
      `/${other}/`,
      `/${secret.slice(1)}/`,
      `/${secret}0/`,
      `/x/${secret}/`,
      `/${secret.toUpperCase()}/`,
      '/api/v1/info',
      '/healthz',
    ];
    const answers = await Promise.all(paths.map((path) => ask(path)));
    for (const answer of answers) {
      assert.equal(answer.status, 404);
      assert.equal(answer.text, answers[0]!.text);
      const { date: _, ...headers } = answer.headers;
      const { date: __, ...expected } = answers[0]!.headers;
      assert.deepEqual(headers, expected);
    }
    const socket = new WebSocket(`${place.api.foreignUrl.replace('http', 'ws')}/${other}/ws`);
    const [, response] = await once(socket, 'unexpected-response');
    assert.equal(response.statusCode, 404);
    assert.equal(seen.length, 0);
  });

  it('are not there once the panel is closed', async () => {
    place.controlPlane.secrets.delete(secret);
    assert.equal((await ask(`${base}/`)).status, 404);
  });

  it('answer 502 when they are gone, and never a half answer as a whole one', async () => {
    await assert.rejects(ask(`${base}/break`));
    place.controlPlane.secrets.set(secret, { host: '127.0.0.1', port: 1 });
    assert.equal(
      (await ask(`${base}/`, { method: 'POST', body: 'x'.repeat(100_000), headers: { 'content-length': '100000' } }))
        .status,
      502,
    );
    const socket = new WebSocket(`${place.api.foreignUrl.replace('http', 'ws')}${base}/ws`);
    const [, response] = await once(socket, 'unexpected-response');
    assert.equal(response.statusCode, 502);
  });

  it('are refused under a foreign Host, and taken under an external one that was registered', async () => {
    const shared = { headers: { host: 'code.example' } };
    assert.equal((await ask(`${base}/`, shared)).status, 421);
    await place.post('/api/v1/origins', { origin: `http://code.example/proxy/1234${base}/` });
    assert.equal((await ask(`${base}/`, shared)).status, 200);
    assert.equal((await ask(`${base}/`, { headers: { host: place.host } })).status, 421);
    assert.equal(
      (
        await ask(`${base}/`, {
          headers: { host: new URL(place.api.foreignUrl).host.replace('127.0.0.1', 'localhost') },
        })
      ).status,
      200,
    );
  });

  it('cannot act for the reader, whose cookie their pages would carry', async () => {
    const cookie = await place.session();
    const page = { cookie, origin: place.api.foreignUrl, 'sec-fetch-site': 'same-site' };
    hasCode(
      await place.post('/api/v1/runs', { folder: '/p' }, { isAnonymous: true, headers: page }),
      403,
      'auth.origin',
    );
    // A form, an image or a script asks without an Origin.
    const image = { cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' };
    hasCode(await place.ask({ path: '/api/v1/runs', isAnonymous: true, headers: image }), 403, 'auth.origin');
    assert.equal(place.controlPlane.calls.length, 0);
  });

  it('are never logged by their path', async () => {
    await until(() => place.log.length > 0, 'the log');
    assert.doesNotMatch(JSON.stringify(place.log), new RegExp(secret));
  });
});
