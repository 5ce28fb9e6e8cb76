// The HTTP side of the API: what each kind of request is answered, and what a request may cost.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApi } from '../../../server/api/index.ts';
import { hasCode } from './expect.ts';
import { Place, request, token, until } from './place.ts';

describe('API calls', () => {
  let place: Place;
  before(async () => {
    place = await new Place().start();
  });
  after(() => place.stop());

  it('answers an operation with its status, its parsed query and JSON that nobody keeps', async () => {
    const list = await place.ask({ path: '/api/v1/runs?limit=5&project=digits' });
    assert.equal(list.status, 200);
    assert.deepEqual(place.controlPlane.calls.at(-1), {
      name: 'listRuns',
      call: { params: {}, query: { limit: 5, project: 'digits' }, body: undefined },
    });
    assert.equal(list.headers['cache-control'], 'no-store');
    assert.equal(list.headers['x-content-type-options'], 'nosniff');
    assert.equal((await place.post('/api/v1/runs', { folder: '/p' })).status, 201);
    assert.equal((await place.post('/api/v1/endpoints/digits/feedback', { requestId: 'x', label: 3 })).text, '{}');
  });

  it('passes an error for people on, and tells nothing of any other', async () => {
    const unknown = await place.ask({ path: '/api/v1/runs/r9' });
    assert.equal(unknown.status, 404);
    assert.deepEqual(unknown.json, {
      code: 'runs.unknown',
      message: 'There is no run r9.',
      hint: 'See `slipway run list`.',
    });
    const bug = await place.ask({ method: 'DELETE', path: '/api/v1/runs/r9' });
    hasCode(bug, 500, 'internal');
    assert.doesNotMatch(bug.text, /secret inside|\.ts/);
    assert.match(
      String(place.log.find((entry) => entry.level === 'error')?.detail?.['stack']),
      /secret inside of a bug\n/,
    );
  });

  it('answers 404 for a path that is none and 405 with Allow for a method that it does not take', async () => {
    for (const path of [
      '/api/v1/nothing',
      '/api/v1',
      '/api/v2/runs',
      '/api/v1/runs/',
      '/nothing',
      '//api/v1/info',
      '/main.js.map',
    ]) {
      hasCode(await place.ask({ path }), 404, 'request.path');
    }
    const put = await place.ask({ method: 'PUT', path: '/api/v1/runs' });
    hasCode(put, 405, 'request.method');
    assert.equal(put.headers.allow, 'GET, POST');
    assert.equal((await place.ask({ method: 'OPTIONS', path: '/api/v1/runs' })).status, 405);
    assert.equal((await place.ask({ method: 'POST', path: '/healthz' })).headers.allow, 'GET, HEAD');
    assert.equal((await place.ask({ path: '/api/v1/events' })).status, 426);
  });

  it('prefers a literal segment to a parameter', async () => {
    assert.equal(
      (await place.ask({ path: '/api/v1/receipts/export' })).headers['content-type'],
      'application/x-ndjson',
    );
    assert.deepEqual((await place.ask({ path: '/api/v1/receipts/abc' })).json, { id: 'one' });
  });

  for (const [what, path, field] of [
    ['a number that is none', '/api/v1/runs?limit=ten', /^query\.limit: /],
    ['a parameter given twice', '/api/v1/runs?limit=1&limit=2', /^query\.limit: /],
    ['a parameter that is missing', '/api/v1/receipts', /^query\.project: /],
    ['a name against the rule', '/api/v1/datasets/Not_A_Name/versions', /^name: A name is 2 to 53 characters/],
    ['an id with a separator', '/api/v1/runs/..%2f..%2fetc%2fpasswd', /^id: /],
    ['an id of dots', '/api/v1/runs/..', /^id: /],
    ['an id that is no UTF-8', '/api/v1/runs/%ff', /^id: /],
  ] as const) {
    it(`answers 400 and names the field: ${what}`, async () => {
      const answer = await place.ask({ path });
      hasCode(answer, 400, 'request.invalid');
      assert.match(String(answer.json['message']), field);
    });
  }

  for (const [what, body, code, message] of [
    ['an unknown field', '{"folder":"/p","colour":1}', 'request.invalid', /^body\.colour: /],
    ['a missing field', '{}', 'request.invalid', /^body\.folder: /],
    ['no body', '', 'request.invalid', /^body\.folder: /],
    ['a wrong type inside', '{"folder":"/p","params":{"lr":[]}}', 'request.invalid', /^body\.params\.lr: /],
    ['text that is no JSON', '{"folder":', 'request.json', /JSON/],
    ['a key that reaches the prototype', '{"folder":"/p","params":{"__proto__":{"a":1}}}', 'request.json', /__proto__/],
    ['the same, escaped', '{"folder":"/p","params":{"__pr\\u006fto__":{"a":1}}}', 'request.json', /__proto__/],
    ['endless nesting', `{"label":${'['.repeat(100_000)}`, 'request.json', /nested deeper/],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'request.json', /UTF-8/],
  ] as const) {
    it(`answers 400 to a body with ${what}`, async () => {
      const headers = { 'content-type': 'application/json' };
      const answer = await place.ask({ method: 'POST', path: '/api/v1/runs', body, headers });
      hasCode(answer, 400, code);
      assert.match(String(answer.json['message']), message);
    });
  }

  it('takes nothing but JSON for a body', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonp',
      'application/json; charset=latin1',
    ]) {
      const headers = { 'content-type': type };
      const answer = await place.ask({ method: 'POST', path: '/api/v1/runs', body: '{"folder":"/p"}', headers });
      hasCode(answer, 415, 'request.mediaType');
    }
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    assert.equal(
      (await place.ask({ method: 'POST', path: '/api/v1/runs', body: '{"folder":"/p"}', headers })).status,
      201,
    );
    assert.equal((await place.ask({ method: 'POST', path: '/api/v1/datasets/digits/verify' })).status, 202);
  });

  it('sends a file as a download that no browser shows, and an error before its first byte as one', async () => {
    const path = `/api/v1/datasets/digits/versions/v1/content?path=${encodeURIComponent('a/b\'ü"\r\n.html')}`;
    const file = await place.ask({ path });
    assert.equal(file.text, '<script>alert(1)</script>');
    assert.equal(file.headers['content-type'], 'application/octet-stream');
    assert.equal(file.headers['x-content-type-options'], 'nosniff');
    assert.equal(file.headers['content-disposition'], "attachment; filename*=UTF-8''b%27%C3%BC%22%0D%0A.html");
    hasCode(
      await place.ask({ path: '/api/v1/datasets/digits/versions/v1/content?path=missing' }),
      404,
      'dataset.noFile',
    );
  });

  it('answers 413 to 100 MB, whether announced or not, and keeps none of it', async () => {
    const body = Buffer.alloc(100_000_000, 0x20);
    const before = process.memoryUsage().rss;
    for (const [name, value] of [
      ['content-length', String(body.length)],
      ['transfer-encoding', 'chunked'],
    ] as const) {
      const headers = { 'content-type': 'application/json', [name]: value };
      const answer = await place.ask({ method: 'POST', path: '/api/v1/runs', body, headers });
      hasCode(answer, 413, 'request.tooLarge');
      assert.equal(answer.headers.connection, 'close');
    }
    assert.ok(process.memoryUsage().rss - before < 80_000_000);
    const headers = { 'content-length': String(body.length) };
    hasCode(await place.ask({ path: '/api/v1/info', body, headers }), 413, 'request.tooLarge');
    hasCode(await place.ask({ path: '/api/v1/info', body, headers, isAnonymous: true }), 401, 'auth.required');
  });

  it('answers 413 to a client that writes everything before it reads', async () => {
    const head = `POST /api/v1/runs HTTP/1.1\r\nHost: ${place.host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n`;
    const socket = net.connect(Number(new URL(place.api.url).port), '127.0.0.1');
    socket.pause();
    await new Promise((resolve, reject) => {
      socket.on('error', reject);
      socket.write(head);
      socket.write(Buffer.alloc(50_000_000), resolve);
    });
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.match(text, /^HTTP\/1\.1 413 /);
  });

  it('answers 413 to Expect: 100-continue before the body is sent', async () => {
    const socket = net.connect(Number(new URL(place.api.url).port), '127.0.0.1');
    socket.write(
      `POST /api/v1/runs HTTP/1.1\r\nHost: ${place.host}\r\nAuthorization: Bearer ${token}\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`,
    );
    const [first] = await once(socket, 'data');
    assert.match(String(first), /^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  it('takes a body of just the limit', async () => {
    const padding = 1024 * 1024 - '{"requestId":"x","label":""}'.length;
    const path = '/api/v1/endpoints/digits/feedback';
    assert.equal((await place.post(path, { requestId: 'x', label: 'a'.repeat(padding) })).status, 200);
    hasCode(await place.post(path, { requestId: 'x', label: 'a'.repeat(padding + 1) }), 413, 'request.tooLarge');
  });

  for (const [what, framing] of [
    ['both a length and chunks', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd'],
    ['a folded header', 'X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
  ]) {
    it(`refuses a message with ${what}`, async () => {
      const head = `POST /api/v1/runs HTTP/1.1\r\nHost: ${place.host}\r\nAuthorization: Bearer ${token}\r\n`;
      assert.match(await place.raw(head + framing), /^HTTP\/1\.1 400 /);
    });
  }

  it('hands over after it has answered, on the word of the token only', async () => {
    const cookie = await place.session();
    const headers = { cookie, origin: place.api.url };
    hasCode(
      await place.post('/api/v1/handover', { version: '2.0.0' }, { isAnonymous: true, headers }),
      403,
      'auth.tokenOnly',
    );
    assert.equal(place.handOvers, 0);
    assert.equal((await place.post('/api/v1/handover', { version: '2.0.0' })).status, 200);
    await until(() => place.handOvers === 1, 'the hand-over');
  });

  it('tells of itself: information, readiness, health, figures', async () => {
    const { json } = await place.ask();
    assert.deepEqual(json['protocol'], { min: 1, max: 1 });
    assert.deepEqual(json['gateway'], { url: 'http://127.0.0.1:1', ready: true });
    assert.equal((await place.ask({ path: '/healthz', isAnonymous: true })).text, 'ok');
    assert.deepEqual((await place.ask({ path: '/readyz', isAnonymous: true })).json, {
      ready: true,
      version: '1.2.3',
      protocol: { min: 1, max: 1 },
      instance: 'instance1',
    });
    const figures = await place.ask({ path: '/metrics' });
    assert.match(figures.text, /^slipway_requests_total\{operation="getInfo",status="200"\} [1-9]/m);
    assert.match(figures.text, /^process_resident_memory_bytes [1-9]/m);
    for (const line of figures.text.trim().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]+\})? [\d.e+-]+)$/);
  });

  it('is not ready before it is said to be', async () => {
    const { controlPlane, log } = place;
    const folder = await mkdtemp(join(tmpdir(), 'slipway-api-'));
    const options = { controlPlane, host: '127.0.0.1', port: 0, allowHosts: [], token, pagesFolder: folder };
    const api = await startApi({ ...options, log: (level, message) => log.push({ level, message }), onHandOver() {} });
    try {
      const probe = () => request(api.url, { path: '/readyz' });
      const early = await probe();
      assert.deepEqual([early.status, early.json['ready']], [503, false]);
      api.markReady();
      assert.equal((await probe()).status, 200);
    } finally {
      await api.close();
      await rm(folder, { recursive: true });
    }
  });

  it('never logs a path, a query or a header', async () => {
    await place.ask({ path: `/api/v1/runs?project=marker&token=${token}`, headers: { 'x-marker': 'marker' } });
    await until(() => place.log.some((entry) => entry.detail?.['operation'] === 'listRuns'), 'the log');
    assert.doesNotMatch(JSON.stringify(place.log), new RegExp(`marker|${token}|Bearer|ticket=`));
  });
});

describe('API under load', () => {
  it('answers 503 with Retry-After beyond its connections', async () => {
    const place = await new Place().start({ limits: { connections: 2 } });
    const idle = [1, 2].map(() => net.connect(Number(new URL(place.api.url).port), '127.0.0.1'));
    await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    const answer = await request(place.api.url, { path: '/healthz' });
    hasCode(answer, 503, 'server.busy');
    assert.equal(answer.headers['retry-after'], '1');
    for (const socket of idle) socket.destroy();
    await until(async () => (await request(place.api.url, { path: '/healthz' })).status === 200, 'room again');
    await place.stop();
  });
});
