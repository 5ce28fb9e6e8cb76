// The whole loop as a person goes through it, on the packaged extension: each test is the next step of the one before,
// so that the first failure ends the file.

import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { processesOf, until } from '../integration/loop/place.ts';
import { makePlace, type Place, replaced, sendRequests } from './harness/place.ts';
import { openWorkbench, type Workbench } from './harness/workbench.ts';

/** Long enough to be watched, short enough to be waited for. */
const epochs = 240;

describe('a person goes through the loop', function () {
  this.bail(true);
  let place: Place;
  let editor: Workbench;

  before(async () => {
    place = makePlace('loop', (yaml) =>
      [
        ['epochs: 30', `epochs: ${epochs}`],
        ['minRequests: 100', 'minRequests: 40'],
        ['    lr: { log:', '    epochs: { const: 15 }\n    lr: { log:'],
        // Two cores that are shared with the editor and its browser answer unevenly.
        ['maxP95Ratio: 2.5', 'maxP95Ratio: 50'],
      ].reduce((text, [part, by]) => replaced(text, part!, by!), yaml),
    );
    editor = await openWorkbench({ folder: place.project, name: 'loop', machineSettings: place.machineSettings });
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed()) await editor?.screenshot(`failed-${this.currentTest.title.slice(0, 40)}`);
  });
  after(async () => {
    await editor?.close();
    await place?.end();
    assert.deepEqual(await processesOf(place.data), []);
  });

  const head = () => editor.webview().locator('.page-head h1');
  const rowsOf = (table: Locator) => table.locator('tbody tr').count();
  /** The first number of a text such as `12 lines`. */
  const numberIn = async (where: Locator) =>
    Number(/[\d,]+/.exec((await where.textContent())!)![0].replaceAll(',', ''));

  it('empty views say what belongs there and offer the next step; looking at them starts the control plane', async () => {
    await editor.openContainer('Slipway');
    const sidebar = editor.page.locator('.part.sidebar');
    for (const step of ['Add Dataset Version', 'Run Pipeline', 'Start Sweep']) {
      await sidebar.locator('.welcome-view').getByRole('button', { name: step }).waitFor();
    }
    // What has nothing to work on yet is not offered: models and endpoints begin with a run, too.
    const offered = (step: string) => sidebar.locator('.welcome-view').getByRole('button', { name: step });
    await until(async () => (await offered('Start Training').count()) === 3, 'the first step in three views');
    for (const step of ['Validate', 'Roll Out', 'Open Example']) assert.equal(await offered(step).count(), 0, step);
    await editor.page.locator('.statusbar').getByRole('button', { name: 'Slipway: Nothing is running.' }).waitFor();
    await place.server();
    await editor.screenshots('views-empty');
  });

  it('Start Training of the empty view trains: the dataset version, its split and the run appear', async () => {
    await editor.page.locator('.welcome-view').getByRole('button', { name: 'Start Training' }).first().click();
    await editor.row('Datasets', 'v1 · 1,797 files').waitFor();
    await editor.row('Datasets', /train 1,438 · test 359/).waitFor();
    await editor.tab('train digits').waitFor();
    await head().filter({ hasText: 'running' }).waitFor({ timeout: 90_000 });
    await editor.row('Runs', new RegExp(`train digits.*epoch \\d+/${epochs}`)).waitFor();
  });

  it('the curve grows while the run goes on', async () => {
    const card = editor
      .webview()
      .locator('.chart-card', { has: editor.webview().getByRole('heading', { name: 'val/accuracy' }) });
    await card.getByRole('img').waitFor();
    await card.getByRole('button', { name: 'Show the numbers as a table' }).click();
    const first = await rowsOf(card);
    await until(async () => (await rowsOf(card)) > first + 5, 'more points');
    assert.match((await head().textContent())!, /running/);
    await card.getByRole('button', { name: 'Show the numbers as a table' }).click();
  });

  it('the log streams', async () => {
    await editor.webview().getByRole('tab', { name: 'Logs' }).click();
    const lines = editor.webview().getByText(/^[\d,]+ lines?$/);
    const first = await numberIn(lines);
    await until(async () => (await numberIn(lines)) > first, 'more lines');
    await editor
      .webview()
      .getByRole('log')
      .getByText(new RegExp(`epoch \\d+/${epochs} loss`))
      .first()
      .waitFor();
    await editor.screenshot('run-logs');
    await editor.webview().getByRole('tab', { name: 'Curves' }).click();
    await editor.webview().locator('.chart-card').getByRole('img').first().waitFor();
    await editor.screenshot('run-running');
  });

  it('the run ends by itself, with its receipt and what can be done next', async () => {
    await head().filter({ hasText: 'succeeded' }).waitFor({ timeout: 120_000 });
    await editor.webview().getByRole('button', { name: 'Validate' }).waitFor();
    await editor.row('Runs', /train digits.*val\/accuracy 0\.9\d+/).waitFor();
    await editor.screenshots('run-succeeded');
    for (const tab of ['Parameters', 'Files']) {
      await editor.webview().getByRole('tab', { name: tab }).click();
      await editor.screenshot(`run-${tab.toLowerCase()}`);
    }
    await editor.webview().getByRole('tab', { name: 'Curves' }).click();
  });

  it('TensorBoard, the real one, shows the run’s scalars in a frame', async () => {
    await editor.rowAction('Runs', /train digits/, 'Open TensorBoard');
    // The editor shows all ports under its own origin: TensorBoard stands apart from it, in a frame of a frame.
    const tensorBoard = editor.webview().frameLocator('iframe[title=TensorBoard]').frameLocator('iframe');
    for (const tag of ['train/loss', 'val/accuracy'])
      await tensorBoard.getByText(tag, { exact: true }).first().waitFor({ timeout: 90_000 });
    // Its axis goes as far as the run, once the curve is drawn.
    await tensorBoard.locator('card-view').first().getByText('200', { exact: true }).first().waitFor();
    const frame = editor.page.frames().find((each) => /\/proxy\/\d+\/[0-9a-f]{64}\//.test(each.url()));
    assert.ok(frame, 'TensorBoard is not reached through the editor’s own address');
    const { url } = await place.server();
    assert.ok(!frame.url().includes(`/proxy/${new URL(url).port}/`), 'TensorBoard shares the port of the API');
    await editor.screenshots('tensorboard');
  });

  it('Stop asks, then ends a run with what it saved', async () => {
    await editor.command('Slipway: Start Training with Parameters');
    await editor.enter('lr=0.001 hidden=16 jitter=0 epochs=100000 seed=2');
    await head().filter({ hasText: 'running' }).waitFor({ timeout: 60_000 });
    await editor.webview().locator('.chart-card').first().waitFor();
    await editor.rowAction('Runs', /epoch \d+\/100,?000/, 'Stop Run');
    await editor.answer('Stop');
    await head().filter({ hasText: 'stopped' }).waitFor();
    await editor.row('Runs', /train digits.*stopped/).waitFor();
    await editor.screenshots('run-stopped');
  });

  it('Start Sweep of slipway.yaml asks for trials and shows them come', async () => {
    await editor.openFile('slipway.yaml');
    const lens = editor.page.getByRole('button', { name: 'Start sweep' });
    // The editor draws its lenses anew while the file is read: one may be taken away in mid-scroll.
    await until(
      () =>
        lens.scrollIntoViewIfNeeded({ timeout: 5000 }).then(
          () => true,
          () => false,
        ),
      'the lens',
    );
    await editor.screenshots('slipway-yaml');
    await lens.click();
    await editor.enter('3');
    await head().filter({ hasText: 'running' }).waitFor();
    await until(async () => (await rowsOf(editor.webview().getByRole('table').last())) >= 2, 'the trials');
    await editor.row('Runs', /\d\/3/).waitFor();
    await head().filter({ hasText: 'finished' }).waitFor({ timeout: 170_000 });
    await editor.screenshots('sweep');
  });

  it('Compare Runs shows all runs side by side, the sweep’s trials among them', async () => {
    await editor.command('Slipway: Compare Runs');
    const grid = editor.webview().getByRole('grid');
    await grid.getByText('train digits').first().waitFor();
    await until(async () => Number(await grid.getAttribute('aria-rowcount')) > 4, 'the runs');
    await editor.webview().locator('[data-chart=parallel] canvas').waitFor();
    await editor.screenshots('compare');
  });

  it('Validate judges by the gates, and the model version appears', async () => {
    await editor.command('Slipway: Validate');
    await editor.pick(/train digits/);
    const ready = editor.notification(/digits v1 is ready to be rolled out/);
    await ready.waitFor({ timeout: 60_000 });
    await editor.row('Models', /^v1.*gates passed/).waitFor();
    await editor.screenshots('run-validated');
  });

  it('Roll Out serves the first version at once', async () => {
    await editor.answer('Roll Out');
    await editor.tab('digits').waitFor();
    await head()
      .filter({ hasText: /serves v1/ })
      .waitFor({ timeout: 60_000 });
    await editor.row('Models', /^v1.*production/).waitFor();
    await editor.row('Endpoints', /req\/s.*no errors/).waitFor();
    await editor.screenshots('endpoint-first');
  });

  it('the sweep’s best becomes the next version; its canary moves step by step under requests', async () => {
    await editor.tab(/lr × hidden × jitter/).click();
    await editor.webview().getByRole('button', { name: 'Promote the best' }).click();
    await editor.row('Models', /^v2.*gates passed/).waitFor({ timeout: 60_000 });
    await editor.rowAction('Models', /^v2/, 'Roll Out');
    await head()
      .filter({ hasText: /v1 → v2/ })
      .waitFor();
    const steps = editor.webview().locator('.steps .step');
    await steps.filter({ hasText: 'running' }).waitFor({ timeout: 60_000 });
    await editor.row('Models', /^v2.*canary 5 %/).waitFor();
    await sendRequests(place, 'digits', ({ step }) => step >= 1);
    await steps.nth(0).filter({ hasText: 'passed' }).waitFor();
    await steps.nth(1).filter({ hasText: 'running' }).waitFor();
    await editor.row('Endpoints', /step 2 of 4/).waitFor();
    await editor.screenshots('endpoint-canary');
    const rollout = await sendRequests(place, 'digits', ({ endedAt }) => endedAt !== undefined);
    assert.equal(rollout.status, 'completed', rollout.reason);
    await head()
      .filter({ hasText: /serves v2/ })
      .waitFor();
    assert.equal(await steps.filter({ hasText: 'passed' }).count(), 4);
    await editor.row('Models', /^v2.*production/).waitFor();
    await editor.screenshots('endpoint-completed');
  });

  it('Roll Back asks, then sends all traffic back at once', async () => {
    await editor.rowAction('Endpoints', /req\/s/, 'Roll Back');
    await editor.answer('Roll Back');
    await head()
      .filter({ hasText: /serves v1/ })
      .waitFor();
    await editor.row('Models', /^v1.*production/).waitFor();
    await editor.screenshots('endpoint-rolled-back');
  });

  it('Show Receipt opens the proof of a model version, and Verify Receipts checks them all', async () => {
    await editor.rowAction('Models', /^v2/, 'Show Receipt');
    await editor.webview().getByText('model:digits@v2').first().waitFor();
    await editor.screenshots('receipt');
    await editor.command('Slipway: Verify Receipts');
    await editor.notification('complete and prove its bytes').waitFor();
    await editor.screenshot('receipts-verified');
    await editor.command('Notifications: Clear All Notifications');
  });

  it('the dashboard shows everything in one page', async () => {
    await editor.command('Slipway: Open Dashboard');
    for (const name of ['Datasets', 'Models', 'Runs', 'Endpoints']) {
      await editor.webview().getByRole('heading', { name }).first().waitFor();
    }
    await editor.screenshots('dashboard');
  });

  it('a window that is loaded again brings its panels back where they were', async () => {
    const titles = async () => (await editor.tabs()).filter((title) => !title.startsWith('TensorBoard'));
    await editor
      .tab(/^train digits/)
      .first()
      .click();
    await head().filter({ hasText: 'succeeded' }).waitFor();
    const before = await titles();
    const { pid } = await place.server();
    await editor.reload();
    await editor
      .tab(/^train digits/)
      .first()
      .waitFor();
    assert.deepEqual(await titles(), before);
    assert.equal(new Set(before).size, before.length, `tabs of one title: ${before}`);
    await head().filter({ hasText: 'succeeded' }).waitFor({ timeout: 60_000 });
    await editor.webview().locator('.chart-card').first().waitFor();
    await editor.tab('digits').click();
    await head()
      .filter({ hasText: /serves v1/ })
      .waitFor();
    assert.equal((await place.server()).pid, pid, 'the window that came back started another control plane');
    await editor.screenshot('reloaded');
  });

  it('no page broke its content security policy', () => {
    assert.deepEqual(editor.policyViolations, []);
  });

  it('a typo in slipway.yaml is marked with the key that was meant, and nothing of the file can be started', async () => {
    await editor.openFile('slipway.yaml');
    await editor.page.getByRole('button', { name: /Start training$/ }).waitFor();
    await editor.replaceInFile('objective:', 'objectiv:');
    await editor.page.locator('.squiggly-error').first().waitFor();
    await editor.page.getByRole('button', { name: /Start training$/ }).waitFor({ state: 'detached' });
    await editor.command('Problems: Focus on Problems View');
    await editor.page
      .locator('.markers-panel')
      .getByText(/objective/)
      .first()
      .waitFor();
    await editor.screenshots('slipway-yaml-typo');
  });
});
