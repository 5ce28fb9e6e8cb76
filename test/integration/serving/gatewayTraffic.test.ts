import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { type Gateway, listenOnLoopback, routesTo, startGateway, until } from './gatewayHarness.ts';

describe('gateway traffic', function () {
  this.timeout(20_000);
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function replica(answer: (body: string, response: http.ServerResponse) => void): Promise<number> {
    const server = http.createServer(async (request, response) => {
      if (request.url === '/ready') {
        response.end('ok');
        return;
      }
      let body = '';
      for await (const chunk of request) body += chunk;
      answer(body, response);
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

  const ask = (started: Gateway, body: string, headers: Record<string, string> = {}) =>
    fetch(`${started.url}/endpoints/digits/predict`, { method: 'POST', body, headers });

  it('copies requests to a shadow, compares the answers, and never waits for them', async () => {
    const seen: string[] = [];
    const open: http.ServerResponse[] = [];
    const main = await replica((body, response) => response.end(`{"got":${body}}`));
    const shadow = await replica((body, response) => {
      seen.push(body);
      if (body === '3') open.push(response);
      else response.end(body === '2' ? '{"got":"else"}' : `{"got":${body}}`);
    });
    const revisions = { v5: { weight: 100, ports: [main] }, v6: { weight: 0, ports: [shadow] } };
    const started = await gateway(routesTo(revisions, { shadow: { revision: 'v6' } }));
    const counted = async () => (await started.statistics()).endpoints['digits']!.revisions['v6']!;
    await until(async () => (await counted()).replicas[0]?.state === 'ready');
    for (const body of ['1', '2', '3']) {
      const response = await ask(started, body);
      assert.equal(response.headers.get('x-slipway-revision'), 'v5');
      assert.deepEqual(await response.json(), { got: Number(body) });
    }
    await until(async () => (await counted()).shadow.same + (await counted()).shadow.different === 2);
    const { requests, shadow: compared } = await counted();
    assert.deepEqual([seen, requests], [['1', '2', '3'], 0]);
    const { latencySumMs, ...counts } = compared;
    assert.deepEqual(counts, { sent: 3, inFlight: 1, same: 1, different: 1, failed: 0, dropped: 0 });
    assert.ok(latencySumMs > 0);
    for (const response of open) response.destroy();
    await until(async () => (await counted()).shadow.failed === 1);
  });

  it('writes samples with the asked fields, without the redacted ones, and only of JSON', async () => {
    const port = await replica((body, response) => response.end(body === 'text' ? 'text' : '{"label":"7","by":"me"}'));
    const sample = { rate: 1, folder: 'samples', fields: ['x', 'name'], redact: ['name', 'by'] };
    const started = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }, { sample }));
    await ask(started, '{"x":[1,null],"y":2,"name":"Kim"}', { 'X-Request-Id': 'mine' });
    await ask(started, 'text');
    const folder = path.join(started.folder, 'samples');
    await until(async () => (await readdir(folder).catch(() => [])).length > 0);
    const [file] = await readdir(folder);
    const { at, latencyMs, ...facts } = JSON.parse(await readFile(path.join(folder, file!), 'utf8'));
    assert.deepEqual(facts, {
      ...{ id: 'mine', revision: 'v5', path: '/predict', status: 200 },
      request: { x: [1, null], name: '[redacted]' },
      answer: { label: '7', by: '[redacted]' },
    });
    assert.ok(Math.abs(Date.now() - at) < 60_000 && latencyMs > 0);
    assert.deepEqual((await started.statistics()).endpoints['digits']!.samples, { taken: 1, dropped: 1 });
  });

  it('lets in who has a key, each at its rate, and a revoked one no longer', async () => {
    const sha256 = (secret: string) => createHash('sha256').update(secret).digest('hex');
    const port = await replica((_, response) => response.end('{}'));
    const started = await gateway({ endpoints: {} });
    const routes = routesTo({ v5: { weight: 100, ports: [port] } }, { access: 'keys', keysFile: 'keys.json' });
    const write = async (keys: unknown) => {
      await writeFile(path.join(started.folder, 'keys.json'), JSON.stringify(keys));
      await started.route(routes);
    };
    await write([
      { id: 'a', sha256: sha256('one') },
      { id: 'b', sha256: sha256('two'), ratePerSecond: 0.001 },
    ]);
    const status = async (secret: string) => (await ask(started, '1', { authorization: `Bearer ${secret}` })).status;
    await until(async () => (await status('one')) === 200);
    assert.deepEqual([await status('other'), await status('two'), await status('two')], [401, 200, 429]);
    await write([{ id: 'b', sha256: sha256('two') }]);
    await until(async () => (await status('one')) === 401);
    await until(async () => (await status('two')) === 200);
  });

  it('takes out a replica that fails again and again, while another one answers', async () => {
    let failures = 0;
    const bad = await replica((_, response) => {
      failures++;
      response.writeHead(500).end();
    });
    const good = await replica((_, response) => response.end('{}'));
    const started = await gateway(routesTo({ v5: { weight: 100, ports: [bad, good] } }));
    const ready = async () => (await started.statistics()).endpoints['digits']!.revisions['v5']!.replicas;
    await until(async () => (await ready()).every(({ state }) => state === 'ready'));
    for (let request = 0; request < 40; request++) await (await ask(started, '1')).arrayBuffer();
    assert.equal(failures, 5);
  });

  it('refuses more requests in flight than the endpoint takes, and says when to come back', async () => {
    const open: http.ServerResponse[] = [];
    const port = await replica((_, response) => open.push(response));
    const started = await gateway(routesTo({ v5: { weight: 100, ports: [port] } }, { maxInFlight: 2 }));
    const first = [ask(started, '1'), ask(started, '1')];
    await until(() => open.length === 2);
    // A change of the routes forgets nothing of what is under way.
    await started.route(routesTo({ v5: { weight: 50, ports: [port] } }, { maxInFlight: 2 }));
    await until(async () => (await started.statistics()).routes.loaded === 2);
    const refused = await ask(started, '1');
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1']);
    assert.equal(((await refused.json()) as { code: string }).code, 'gateway.overloaded');
    for (const response of open) response.end('{}');
    for (const response of await Promise.all(first)) assert.equal(response.status, 200);
    const again = ask(started, '1');
    await until(() => open.length === 3);
    open[2]!.end('{}');
    assert.equal((await again).status, 200);
  });
});
