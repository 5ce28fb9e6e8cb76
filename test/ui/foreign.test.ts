// TensorBoard, a foreign page, in a frame: from another site, as desktop VS Code's webviews are, and inside code-server,
// which puts all ports under its own origin. The reader is signed in to our pages in the same browser; a script in the
// frame tries to act for them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { BrowserContext, Frame } from 'playwright-core';
import { until } from '../integration/loop/place.ts';
import { openProfile } from '../vscode/harness/chromium.ts';
import { makePlace, type Place, replaced } from './harness/place.ts';
import { openWorkbench, type Workbench } from './harness/workbench.ts';

/** What a script in the frame gets from the API: the status of an answer it can read, or that it cannot. */
const attempts = async ({ api, run, folder }: { api: string; run: string; folder: string }) => {
  // A frame that has another `fetch` put in its place is tried with both.
  const { nativeFetch = fetch } = self as { nativeFetch?: typeof fetch };
  const read = (path: string, init?: RequestInit) =>
    nativeFetch(api + path, { credentials: 'include', ...init }).then(
      ({ type, status }) => `${type} ${status}`,
      () => 'unreadable',
    );
  const body = JSON.stringify({ folder, requestId: 'from-the-frame' });
  return {
    read: await read('/api/v1/runs'),
    // What needs no leave of the API's origin to be sent: its answer is hidden, its effect would not be.
    blindPost: await read('/api/v1/runs', { method: 'POST', mode: 'no-cors', body }),
    post: await read('/api/v1/runs', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
    delete: await read(`/api/v1/runs/${run}`, { method: 'DELETE' }),
    socket: await new Promise<string>((resolve) => {
      const socket = new WebSocket(`${api.replace(/^http/, 'ws')}/api/v1/events`);
      socket.onopen = () => resolve('open');
      socket.onerror = () => resolve('refused');
    }),
  };
};

describe('TensorBoard in a frame cannot act for its reader', () => {
  let place: Place;
  let editor: Workbench;
  let run: string;

  before(async () => {
    place = makePlace('foreign', (yaml) => replaced(yaml, 'epochs: 30', 'epochs: 3'));
    editor = await openWorkbench({ folder: place.project, name: 'foreign', machineSettings: place.machineSettings });
    await editor.openContainer('Slipway');
    await editor.page.locator('.welcome-view').getByRole('button', { name: 'Start Training' }).first().click();
    await editor.webview().locator('.page-head h1').filter({ hasText: 'succeeded' }).waitFor({ timeout: 120_000 });
    const { call } = await place.server();
    run = (await call('listRuns', { query: {} })).items.find(({ kind }) => kind === 'train')!.id;
  });
  after(async () => {
    await editor?.close();
    await place?.end();
  });

  const runIds = async () => {
    const { call } = await place.server();
    return (await call('listRuns', { query: {} })).items.map(({ id }) => id).sort();
  };

  describe('from another site', () => {
    let browser: BrowserContext;
    let site: Server;

    before(async () => {
      browser = await openProfile(path.join(place.data, '../profile'));
    });
    after(async () => {
      await browser.close();
      site?.close();
    });

    it('shows the run, and every call of a script in it is refused', async () => {
      const { call, url: api } = await place.server();
      const ours = await browser.newPage();
      const said: string[] = [];
      ours.on('console', (message) => said.push(message.text()));
      await ours.goto((await call('createTicket', { body: {} })).url);
      await ours.getByRole('link', { name: 'train digits' }).first().waitFor();
      const status = await ours.evaluate(async () => (await fetch('/api/v1/runs')).status);
      assert.equal(status, 200, 'our own page can call');
      assert.deepEqual(
        said.filter((text) => /content security policy/i.test(text)),
        [],
      );
      const [cookie] = (await browser.cookies(api)).filter(({ name }) => name.startsWith('slipway'));
      assert.deepEqual(
        [cookie?.httpOnly, cookie?.sameSite],
        [true, 'Strict'],
        'the reader is signed in by a strict cookie',
      );

      const opened = await call('openTensorBoard', { body: { runs: [run] } });
      await until(async () => {
        const { status, error } = await call('getOperation', { params: { id: opened.operation } });
        assert.ok(status !== 'failed', error?.message);
        return status === 'succeeded';
      }, 'TensorBoard');
      site = createServer((_, response) => {
        response
          .setHeader('content-type', 'text/html')
          .end(`<iframe src="${opened.url}" width="1200" height="800"></iframe>`);
      }).listen(0, 'localhost');
      await once(site, 'listening');
      const page = await browser.newPage();
      // localhost is another site than 127.0.0.1.
      await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
      await page.frameLocator('iframe').getByText('val/accuracy', { exact: true }).first().waitFor({ timeout: 60_000 });

      const before = await runIds();
      const frame = page.frames().find((each) => each.url().startsWith(opened.url))!;
      const got = await frame.evaluate(attempts, { api, run, folder: place.project });
      for (const [attempt, outcome] of Object.entries(got)) {
        assert.equal(outcome, attempt === 'socket' ? 'refused' : 'unreadable', attempt);
      }
      assert.deepEqual(await runIds(), before);
      assert.equal(await frame.evaluate(() => document.cookie), '');
    });
  });

  describe('in code-server, which shows all ports under its own origin', () => {
    const inner = /\/proxy\/\d+\/[0-9a-f]{64}\/(#.*)?$/;
    let frame: Frame;

    before(async () => {
      await editor.page.addInitScript(() => Object.assign(self, { nativeFetch: self.fetch }));
      await editor.rowAction('Runs', /^train digits/, 'Open TensorBoard');
      const shown = editor
        .webview()
        .frameLocator('iframe[title=TensorBoard]')
        .frameLocator('iframe')
        .getByText('val/accuracy', { exact: true });
      await shown.first().waitFor({ timeout: 90_000 });
      frame = editor.page.frames().find((each) => inner.test(each.url()))!;
    });

    it('a script in it reaches nothing of the editor, though its address is the editor’s own', async () => {
      const reached = () => {
        const attempt = (work: () => unknown) => {
          try {
            return String(work());
          } catch (error) {
            return (error as Error).name;
          }
        };
        return {
          origin: self.origin,
          parent: attempt(() => parent.document.title),
          top: attempt(() => top!.document.title),
          workbench: attempt(() => top!.localStorage.length),
          cookie: attempt(() => document.cookie),
        };
      };
      const around = await frame.parentFrame()!.evaluate(reached);
      assert.equal(around.origin, new URL(editor.server.url).origin, 'the page around it is of the editor’s origin');
      assert.doesNotMatch(around.top, /Error/);
      const error = 'SecurityError';
      assert.deepEqual(await frame.evaluate(reached), {
        origin: 'null',
        parent: error,
        top: error,
        workbench: error,
        cookie: '',
      });
    });

    it('is so in a tab of its own, too, and asks nobody but its relay', async () => {
      const tab = await editor.page.context().newPage();
      await tab.goto(frame.url());
      assert.equal(await tab.evaluate(() => self.origin), 'null');
      await tab.close();
      const answer = await fetch(frame.url(), { headers: { accept: 'text/html' } });
      assert.match(answer.headers.get('content-security-policy')!, /^sandbox [^;]*; default-src 'none';/);
      const data = await fetch(new URL('data/environment', frame.url()));
      assert.match(data.headers.get('content-security-policy')!, /\bsandbox\b(?!.*allow-same-origin)/);
    });

    it('every call of a script in it is refused', async () => {
      const { url } = await place.server();
      const before = await runIds();
      const forwarded = `${editor.server.url}/proxy/${new URL(url).port}`;
      for (const api of [url, forwarded]) {
        const got = await frame.evaluate(attempts, { api, run, folder: place.project });
        for (const [attempt, outcome] of Object.entries(got)) {
          assert.equal(outcome, attempt === 'socket' ? 'refused' : 'unreadable', `${attempt} of ${api}`);
        }
      }
      // Its relay lets pass what is below its own path, and nothing else.
      const relayed = (path: string) =>
        frame.evaluate(
          (path) =>
            fetch(path).then(
              ({ status }) => String(status),
              ({ message }: Error) => message,
            ),
          path,
        );
      assert.equal(await relayed('data/environment'), '200');
      for (const path of [`${forwarded}/readyz`, '../', '..%2f', '.slipway/relay.js', `${editor.server.url}/healthz`]) {
        assert.match(await relayed(path), /not the application’s own/, path);
      }
      assert.deepEqual(await runIds(), before);
    });
  });
});
