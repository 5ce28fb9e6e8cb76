// Who may call, from where: Host, Origin, token, ticket, session. Each rule against the real listener.
import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { hasCode } from './expect.ts';
import { type Answer, type Ask, Place, token } from './place.ts';

/** The status of a WebSocket handshake: 101, or that of the refusal. */
function handshake(place: Place, headers: Record<string, string>, path = '/api/v1/events'): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${place.api.url.replace('http', 'ws')}${path}`, { headers });
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
    socket.on('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode!);
    });
    socket.on('error', reject);
  });
}

const bearer = { authorization: `Bearer ${token}` };
const external = 'https://p8080.editor.example';

describe('API access', () => {
  let place: Place;
  let port: string;
  before(async () => {
    place = await new Place().start({ allowHosts: ['slipway.example', 'other.example:8443'] });
    port = new URL(place.api.url).port;
  });
  after(() => place.stop());

  const ask = (ask: Ask): Promise<Answer> => place.ask(ask);

  describe('Host', () => {
    it('takes the addresses of the listener and those of --allow-host', async () => {
      const own = [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`];
      const allowed = ['slipway.example', `slipway.example:${port}`, 'other.example:8443'];
      for (const host of [...own, ...allowed]) assert.equal((await ask({ headers: { host } })).status, 200, host);
    });

    it('answers 421 to any other, for API, pages and figures, with the right token too', async () => {
      const foreign = [
        'evil.example',
        `evil.example:${port}`,
        '127.0.0.1',
        'localhost',
        'localhost:1',
        `127.0.0.1.:${port}`,
      ];
      const odd = [
        `0.0.0.0:${port}`,
        `[::1]:${port}`,
        'slipway.example:1',
        'other.example',
        `127.0.0.1:${port}@evil.example`,
      ];
      for (const host of [...foreign, ...odd]) {
        for (const path of ['/api/v1/info', '/', '/main.js', '/metrics', '/api/v1/openapi.json']) {
          hasCode(await ask({ path, headers: { host } }), 421, 'auth.host');
        }
      }
      hasCode(
        await place.post('/api/v1/session', { ticket: 'x' }, { isAnonymous: true, headers: { host: 'evil' } }),
        421,
        'auth.host',
      );
      assert.equal(await handshake(place, { ...bearer, host: 'evil.example' }), 421);
    });

    it('does not ask for it where a prober asks for health or readiness', async () => {
      for (const path of ['/healthz', '/readyz']) {
        assert.equal((await ask({ path, headers: { host: '10.1.2.3:1' }, isAnonymous: true })).status, 200);
      }
    });

    for (const [what, head] of [
      ['two Host headers', (host: string) => `GET /api/v1/info HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n`],
      [
        'two Host headers, ours last',
        (host: string) => `GET /api/v1/info HTTP/1.1\r\nHost: evil.example\r\nHost: ${host}\r\n`,
      ],
      ['no Host header', () => 'GET /api/v1/info HTTP/1.1\r\n'],
      ['no Host header, HTTP/1.0', () => 'GET /api/v1/info HTTP/1.0\r\n'],
      ['an empty Host header', () => 'GET /api/v1/info HTTP/1.1\r\nHost:\r\n'],
      [
        'another host in the target',
        (host: string) => `GET http://evil.example/api/v1/info HTTP/1.1\r\nHost: ${host}\r\n`,
      ],
    ] as const) {
      it(`answers 421 to ${what}`, async () => {
        const text = await place.raw(`${head(place.host)}Authorization: Bearer ${token}\r\n\r\n`);
        assert.match(text, /^HTTP\/1\.1 421 /);
        assert.match(text, /"code":"auth\.host"/);
      });
    }

    it('takes the absolute form of a target that names the same host', async () => {
      const head = `GET http://${place.host}/api/v1/info HTTP/1.1\r\nHost: ${place.host}\r\n`;
      assert.match(
        await place.raw(`${head}Authorization: Bearer ${token}\r\nConnection: close\r\n\r\n`),
        /^HTTP\/1\.1 200 /,
      );
    });
  });

  describe('Origin', () => {
    it('takes our own pages, and an allowed host for requests to itself', async () => {
      for (const origin of [place.api.url, `http://localhost:${port}`]) {
        assert.equal((await ask({ headers: { origin } })).status, 200, origin);
      }
      const headers = { host: 'slipway.example', origin: 'https://slipway.example' };
      assert.equal((await ask({ headers })).status, 200);
    });

    it('answers 403 to any other, with the right token too, and never allows another site to read', async () => {
      const ports = [
        `http://127.0.0.1:${Number(port) + 1}`,
        'http://127.0.0.1',
        'http://localhost:3000',
        place.api.foreignUrl,
      ];
      const names = [
        'https://evil.example',
        'https://slipway.example',
        `https://127.0.0.1:${port}`,
        `http://[::1]:${port}`,
      ];
      const odd = [
        'null',
        '',
        `${place.api.url}.evil.example`,
        `${place.api.url}/`,
        `http://a@127.0.0.1:${port}`,
        'file://',
      ];
      const several = [
        `${place.api.url}, https://evil.example`,
        `${place.api.url} https://evil.example`,
        place.api.url.toUpperCase(),
      ];
      for (const origin of [...ports, ...names, ...odd, ...several]) {
        for (const path of ['/api/v1/info', '/metrics', '/main.js', '/readyz']) {
          hasCode(await ask({ path, headers: { origin } }), 403, 'auth.origin');
        }
        assert.equal(await handshake(place, { ...bearer, origin }), 403, origin);
      }
      hasCode(await ask({ method: 'OPTIONS', headers: { origin: 'https://evil.example' } }), 403, 'auth.origin');
    });
  });

  describe('token', () => {
    it('lets in, on calls and on the handshake', async () => {
      assert.equal((await ask({})).status, 200);
      assert.equal((await ask({ isAnonymous: true, headers: { authorization: `bearer ${token}` } })).status, 200);
      assert.equal(await handshake(place, bearer), 101);
    });

    it('is asked for everywhere but on the public paths', async () => {
      const paths = [
        '/api/v1/info',
        '/api/v1/runs',
        '/api/v1/nothing',
        '/api/v1/openapi.json',
        '/metrics',
        '/api',
        '/api/v1/session',
        '/api/v1/events',
      ];
      for (const path of paths) {
        const answer = await ask({ path, isAnonymous: true });
        hasCode(answer, 401, 'auth.required');
        assert.equal(answer.headers['www-authenticate'], 'Bearer realm="slipway"');
      }
      assert.equal(await handshake(place, {}), 401);
      for (const path of ['/healthz', '/readyz', '/', '/run/r1', '/main.js', '/main.css']) {
        assert.equal((await ask({ path, isAnonymous: true })).status, 200, path);
      }
    });

    for (const value of [
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      'Bearer',
      'Bearer ',
      token,
      `Basic ${token}`,
      `Bearer ${token} ${token}`,
    ]) {
      it(`is refused by 401 when it is wrong: ${value}`, async () => {
        const headers = { authorization: value };
        assert.equal((await ask({ isAnonymous: true, headers })).status, 401);
        assert.equal(await handshake(place, headers), 401);
        assert.equal(
          (await ask({ isAnonymous: true, headers: { ...headers, cookie: await place.session() } })).status,
          401,
        );
      });
    }

    it('is never taken from a query', async () => {
      for (const query of [`token=${token}`, `access_token=${token}`, `authorization=Bearer ${token}`]) {
        assert.equal((await ask({ path: `/api/v1/info?${encodeURI(query)}`, isAnonymous: true })).status, 401);
      }
      assert.equal(await handshake(place, {}, `/api/v1/events?token=${token}`), 401);
    });
  });

  describe('session', () => {
    it('is given for a ticket, once, by a cookie that no script reads and no other site sends', async () => {
      const { json } = await place.post('/api/v1/tickets', { page: '/run/r1' });
      const url = new URL(String(json['url']));
      assert.equal(url.origin + url.pathname + url.search, `${place.api.url}/run/r1`);
      const ticket = url.hash.slice('#ticket='.length);
      assert.equal(Buffer.from(ticket, 'base64url').length, 32);
      const headers = { origin: place.api.url };
      const first = await place.post('/api/v1/session', { ticket }, { isAnonymous: true, headers });
      assert.equal(first.status, 200);
      const [cookie] = first.headers['set-cookie']!;
      assert.match(cookie!, /^slipway-instance1=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
      const again = await place.post('/api/v1/session', { ticket }, { isAnonymous: true, headers });
      hasCode(again, 401, 'auth.ticket');
      assert.equal(again.headers['set-cookie'], undefined);
      const call = await ask({ isAnonymous: true, headers: { cookie: cookie!.split(';')[0]! } });
      assert.equal(call.status, 200);
    });

    it('is not given for a ticket that was never issued, or to a foreign page', async () => {
      for (const ticket of ['', 'x', token]) {
        hasCode(await place.post('/api/v1/session', { ticket }, { isAnonymous: true }), 401, 'auth.ticket');
      }
      const ticket = new URL(place.api.ticketUrl()).hash.slice('#ticket='.length);
      const foreign: [string, string][] = [
        ['origin', place.api.foreignUrl],
        ['sec-fetch-site', 'same-site'],
        ['sec-fetch-site', 'cross-site'],
      ];
      for (const header of foreign) {
        const more = { isAnonymous: true, headers: Object.fromEntries([header]) };
        const answer = await place.post('/api/v1/session', { ticket }, more);
        hasCode(answer, 403, 'auth.origin');
      }
      assert.equal((await place.post('/api/v1/session', { ticket }, { isAnonymous: true })).status, 200);
    });

    it('reads without an Origin, unless the browser says that another page asks', async () => {
      const cookie = await place.session();
      const read = (headers: Record<string, string>) => ask({ isAnonymous: true, headers: { cookie, ...headers } });
      for (const site of ['same-origin', 'none']) assert.equal((await read({ 'sec-fetch-site': site })).status, 200);
      assert.equal((await read({})).status, 200);
      for (const site of ['same-site', 'cross-site', 'same-origin, cross-site', 'SAME-ORIGIN']) {
        hasCode(await read({ 'sec-fetch-site': site }), 403, 'auth.origin');
      }
      hasCode(await read({ origin: place.api.foreignUrl }), 403, 'auth.origin');
    });

    it('changes nothing and opens no WebSocket without an own Origin or the browser’s word for it', async () => {
      const cookie = await place.session();
      const change = (headers: Record<string, string>) =>
        place.post('/api/v1/runs', { folder: '/p' }, { isAnonymous: true, headers: { cookie, ...headers } });
      assert.equal((await change({ origin: place.api.url })).status, 201);
      assert.equal((await change({ 'sec-fetch-site': 'same-origin' })).status, 201);
      assert.equal(await handshake(place, { cookie, origin: place.api.url }), 101);
      const own = place.api.url;
      const refused: Record<string, string>[] = [
        {},
        { 'sec-fetch-site': 'none' },
        { 'sec-fetch-site': 'same-site' },
        { origin: own, 'sec-fetch-site': 'cross-site' },
        { origin: own, 'sec-fetch-site': 'same-site' },
        { origin: own, 'sec-fetch-site': 'none' },
        { origin: place.api.foreignUrl },
        { origin: 'null' },
        { origin: `http://localhost:1` },
      ];
      for (const headers of refused) {
        hasCode(await change(headers), 403, 'auth.origin');
        assert.equal(await handshake(place, { cookie, ...headers }), 403, JSON.stringify(headers));
      }
    });

    it('is none for a cookie of another instance, a guess, or a name that only resembles', async () => {
      const value = (await place.session()).split('=')[1];
      const cookies = [
        `slipway-other=${value}`,
        'slipway-instance1=',
        'slipway-instance1=guess',
        `xslipway-instance1=${value}`,
      ];
      for (const cookie of cookies)
        hasCode(await ask({ isAnonymous: true, headers: { cookie } }), 401, 'auth.required');
    });

    it('stands against cookies of the same name that another port has set', async () => {
      const cookie = `slipway-instance1=planted; ${await place.session()}; slipway-instance1=planted`;
      assert.equal((await ask({ isAnonymous: true, headers: { cookie } })).status, 200);
    });

    it('gives further tickets, but only for pages', async () => {
      const headers = { cookie: await place.session(), origin: place.api.url };
      const more = { isAnonymous: true, headers };
      assert.equal((await place.post('/api/v1/tickets', {}, more)).status, 200);
      for (const page of ['//evil.example/x', 'https://evil.example', 'nothing/here', 'run/%ff']) {
        hasCode(await place.post('/api/v1/tickets', { page }, more), 400, 'request.invalid');
      }
      const { json } = await place.post('/api/v1/tickets', { page: 'run/@evil.example%2f%23x' }, more);
      assert.equal(new URL(String(json['url'])).origin, place.api.url);
    });
  });

  describe('an external origin', () => {
    let place: Place;
    beforeEach(async () => {
      place = await new Place().start();
    });
    afterEach(() => place.stop());

    const register = (origin: string, more: Ask = {}) => place.post('/api/v1/origins', { origin }, more);
    const ticket = () => new URL(place.api.ticketUrl()).hash.slice('#ticket='.length);

    it('is foreign until it is registered by the token, and then counts exactly', async () => {
      const headers = { origin: external };
      hasCode(await place.ask({ headers }), 403, 'auth.origin');
      const cookie = await place.session();
      const page = { isAnonymous: true, headers: { cookie, origin: place.api.url } };
      hasCode(await register(external, page), 403, 'auth.tokenOnly');
      hasCode(await register(external, { isAnonymous: true }), 401, 'auth.required');
      assert.equal((await register(external)).status, 200);
      assert.equal((await place.ask({ headers })).status, 200);
      assert.equal((await place.ask({ headers: { ...headers, host: 'p8080.editor.example' } })).status, 200);
      for (const origin of [
        external.replace('https', 'http'),
        `${external}:8443`,
        `${external}.evil.example`,
        'https://editor.example',
      ]) {
        hasCode(await place.ask({ headers: { origin } }), 403, 'auth.origin');
      }
      assert.equal((await place.ask({ headers: { host: 'editor.example' } })).status, 421);
    });

    it('lets no one in without a credential', async () => {
      await register(external);
      hasCode(await place.ask({ isAnonymous: true, headers: { origin: external } }), 401, 'auth.required');
    });

    it('holds sessions of its own, which count there only, as ours count only here', async () => {
      await register(external);
      const host = 'p8080.editor.example';
      const exchange = await place.post(
        '/api/v1/session',
        { ticket: ticket() },
        { isAnonymous: true, headers: { origin: external, host } },
      );
      assert.match(exchange.headers['set-cookie']![0]!, /; Secure$/);
      const theirs = exchange.headers['set-cookie']![0]!.split(';')[0]!;
      const ours = await place.session();
      const change = (headers: Record<string, string>) =>
        place.post('/api/v1/runs', { folder: '/p' }, { isAnonymous: true, headers });
      assert.equal((await change({ cookie: theirs, origin: external, host })).status, 201);
      assert.equal((await change({ cookie: theirs, origin: external })).status, 201);
      hasCode(await change({ cookie: theirs, origin: place.api.url }), 403, 'auth.origin');
      hasCode(await change({ cookie: ours, origin: external }), 403, 'auth.origin');
      hasCode(await change({ cookie: ours, origin: external, host }), 421, 'auth.host');
      hasCode(await place.ask({ isAnonymous: true, headers: { cookie: ours, host } }), 421, 'auth.host');
    });

    it('gets no cookie where the editor shares it among all ports', async () => {
      const shared = 'http://code.example';
      await register(`${shared}/proxy/8080/`);
      await register(shared);
      const headers = { origin: shared, host: 'code.example' };
      const answer = await place.post('/api/v1/session', { ticket: ticket() }, { isAnonymous: true, headers });
      hasCode(answer, 403, 'auth.origin');
      assert.equal(answer.headers['set-cookie'], undefined);
      const keepsHost = { host: 'code.example' };
      hasCode(
        await place.post('/api/v1/session', { ticket: ticket() }, { isAnonymous: true, headers: keepsHost }),
        421,
        'auth.host',
      );
    });

    it('is never that of the listener for foreign applications', async () => {
      for (const origin of [place.api.foreignUrl, place.api.foreignUrl.replace('127.0.0.1', 'localhost')]) {
        await register(origin);
        hasCode(await place.ask({ headers: { origin } }), 403, 'auth.origin');
      }
    });

    it('is a web origin', async () => {
      for (const origin of ['file:///etc', 'vscode-webview://x', 'https://user:pw@evil.example']) {
        hasCode(await register(origin), 400, 'origin.invalid');
      }
      hasCode(await register('null'), 400, 'request.invalid');
    });
  });
});
