// The same rules in a real browser, whose ideas of site, origin and cookie are what the rules rest on.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Browser, BrowserContext } from 'playwright-core';
import { launchChromium } from '../../vscode/harness/chromium.ts';
import { Place, until } from './place.ts';

/** Our page: exchanges its ticket, calls, listens, and shows a frame. */
const ownPage = `
  const ticket = new URLSearchParams(location.hash.slice(1)).get('ticket');
  const post = (path, body) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (ticket) await post('/api/v1/session', { ticket });
  const opened = new Promise((resolve) => {
    const socket = new WebSocket('/api/v1/events');
    socket.onopen = () => resolve(true);
    socket.onerror = () => resolve(false);
  });
  const statuses = [(await fetch('/api/v1/info')).status, (await post('/api/v1/runs', { folder: '/p' })).status];
  document.getElementById('app').textContent = JSON.stringify({ statuses, opened: await opened, cookie: document.cookie });
`;

/** A page of a foreign application that tries to act for the reader, by every way that sends cookies. */
function hostilePage(api: string): string {
  return `<!doctype html><title>application</title><p id="out"></p><iframe name="sink"></iframe>
  <form id="form" method="post" target="sink" enctype="text/plain" action="${api}/api/v1/runs"><input name='{"folder":"/p","title":"' value='"}'></form>
  <script type="module">
    const tries = {};
    const attempt = async (name, work) => { tries[name] = await work().catch((error) => error.name); };
    const json = { 'Content-Type': 'application/json' };
    await attempt('read', async () => (await fetch('${api}/api/v1/info', { credentials: 'include' })).status);
    await attempt('write', async () => (await fetch('${api}/api/v1/runs', { method: 'POST', credentials: 'include', headers: json, body: '{"folder":"/p"}' })).status);
    await attempt('simple', async () => (await fetch('${api}/api/v1/runs', { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"folder":"/p"}' })).type);
    await attempt('script', () => new Promise((resolve) => {
      const script = document.createElement('script');
      script.src = '${api}/api/v1/runs';
      script.onload = () => resolve('loaded');
      script.onerror = () => resolve('refused');
      document.head.append(script);
    }));
    await attempt('socket', () => new Promise((resolve) => {
      const socket = new WebSocket('${api.replace('http', 'ws')}/api/v1/events');
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('refused');
    }));
    document.getElementById('form').submit();
    document.getElementById('out').textContent = JSON.stringify(tries);
  </script>`;
}

describe('API in a browser', () => {
  const secret = randomBytes(32).toString('hex');
  let place: Place;
  let browser: Browser;
  let context: BrowserContext;
  let application: http.Server;
  let otherSite: http.Server;

  before(async () => {
    place = await new Place().start();
    await writeFile(path.join(place.folder, 'main.js'), ownPage);
    application = serve(() => hostilePage(place.api.url));
    // `localhost` and `127.0.0.1` are two sites to a browser.
    otherSite = serve(
      () => `<iframe src="${place.api.foreignUrl}/${secret}/"></iframe><iframe src="${place.api.url}/"></iframe>`,
    );
    await Promise.all([application, otherSite].map((server) => once(server, 'listening')));
    place.controlPlane.secrets.set(secret, { host: '127.0.0.1', port: portOf(application) });
    browser = await launchChromium();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    place.controlPlane.calls.length = 0;
    place.log.length = 0;
  });
  afterEach(() => context.close());
  after(async () => {
    await browser?.close();
    await place.stop();
    for (const server of [application, otherSite]) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function openOwnPage() {
    const page = await context.newPage();
    await page.goto(place.api.ticketUrl('run/r1'));
    const text = await page.locator('#app:not(:empty)').textContent();
    return { page, shown: JSON.parse(text!) };
  }

  it('gives our page everything for its ticket, and its cookie to no script', async () => {
    const { shown } = await openOwnPage();
    assert.deepEqual(shown, { statuses: [200, 201], opened: true, cookie: '' });
  });

  it('lets a foreign application do nothing with the cookie that the browser sends for it', async () => {
    const { page: own } = await openOwnPage();
    place.controlPlane.calls.length = 0;
    place.log.length = 0;
    const page = await context.newPage();
    await page.goto(`${place.api.foreignUrl}/${secret}/`);
    const tries = JSON.parse((await page.locator('#out:not(:empty)').textContent())!);
    assert.deepEqual(tries, {
      read: 'TypeError',
      write: 'TypeError',
      simple: 'TypeError',
      script: 'refused',
      socket: 'refused',
    });
    const refusals = () => place.log.filter(({ detail }) => detail?.['method'] === 'POST').length;
    await until(() => refusals() === 2, 'the form');
    // 403, not 401: the cookie did come, since ports of one host are one site.
    const statuses = place.log.filter(({ message }) => message === 'request').map(({ detail }) => detail?.['status']);
    assert.deepEqual([...new Set(statuses)], [403]);
    assert.ok(statuses.length >= 6);
    assert.deepEqual(place.controlPlane.calls, []);
    await own.reload();
    assert.ok(await own.locator('#app:not(:empty)').textContent());
  });

  it('shows a foreign application in a frame of another site, as desktop editors do, and never our pages', async () => {
    const page = await context.newPage();
    await page.goto(`http://localhost:${portOf(otherSite)}/`);
    const [application, own] = page.mainFrame().childFrames();
    await application!.locator('#out:not(:empty)').waitFor();
    assert.equal(await own!.locator('#app').count(), 0);
  });

  it('shows a foreign application in a frame of our own page', async () => {
    const { page } = await openOwnPage();
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('iframe'), { src: '${place.api.foreignUrl}/${secret}/' }))`,
    );
    await until(() => page.frames().length > 1, 'the frame');
    await page.frames()[1]!.locator('#out:not(:empty)').waitFor();
  });
});

function serve(html: () => string): http.Server {
  return http
    .createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(html()))
    .listen(0, '127.0.0.1');
}

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}
