// The endpoint page while requests drift away from the training data, in a browser: the drift, the question that it
// leads to, and the way from one answer back to the bytes. The `it`s are one story; the first failure ends the file.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { makePlace, type Place, type Server, until } from '../integration/loop/place.ts';
import {
  copyWatchedDigits,
  darkened,
  predict,
  readScans,
  type Scan,
  sendLabel,
} from '../integration/loop/watchedDigits.ts';
import { out } from '../run/process.ts';
import { launchChromium } from '../vscode/harness/chromium.ts';

/** Instances in a request. */
const batch = 20;

describe('a person sees drift appear', function () {
  this.timeout(240_000);
  this.bail(true);
  let place: Place;
  let server: Server;
  let scans: Scan[];
  let browser: Browser;
  let page: Page;

  before(async () => {
    place = await makePlace();
    await copyWatchedDigits(place, 'propose');
    server = await place.serve();
    const piped = await place.slipway(['pipeline', 'run', '--data', place.data], { cwd: place.path('digits') });
    assert.equal(piped.status, 0, piped.stderr);
    scans = await readScans(place.data);
    browser = await launchChromium();
    page = await open('endpoint/digits', {});
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed()) await screenshot(page, 'drift-failed');
  });
  after(async () => {
    await browser?.close();
    await place?.close();
  });

  /** A page as a reader of their own opens it. */
  async function open(route: string, options: BrowserContextOptions): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const opened = await context.newPage();
    const { url } = await server.call('createTicket', { body: { page: route } });
    await opened.goto(url);
    return opened;
  }

  async function screenshot(of: Page, name: string): Promise<void> {
    const folder = path.join(out, 'screenshots');
    mkdirSync(folder, { recursive: true });
    await of.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true, animations: 'disabled' });
  }

  async function screenshots(route: string, name: string, ready: (shown: Page) => Promise<void>): Promise<void> {
    const looks: [string, BrowserContextOptions][] = [
      ['light', { colorScheme: 'light' }],
      ['dark', { colorScheme: 'dark' }],
      ['contrast', { colorScheme: 'dark', contrast: 'more', forcedColors: 'active' }],
      ['ko', { colorScheme: 'light', locale: 'ko-KR' }],
      ['narrow', { colorScheme: 'dark', viewport: { width: 760, height: 900 } }],
    ];
    for (const [look, options] of looks) {
      const shown = await open(route, options);
      await ready(shown);
      await screenshot(shown, `${name}-${look}`);
      await shown.context().close();
    }
  }

  let taken = 0;
  const next = () => Array.from({ length: batch }, () => scans[taken++ % scans.length]!);
  const drift = () => page.getByRole('region', { name: 'Drift', exact: true });

  /** Sends requests until the page shows something; labels them where `labels` says so. */
  async function sendUntil(isShown: () => Promise<boolean>, change: (one: number[]) => number[], labels: boolean) {
    let last = '';
    await until(
      async () => {
        const some = next();
        last = await predict(
          server,
          some.map(({ instance }) => change(instance)),
        );
        if (labels) {
          await sendLabel(
            server,
            last,
            some.map(({ prediction }) => prediction.label),
          );
        }
        return isShown();
      },
      'what the page shows',
      120_000,
    );
    return last;
  }

  it('requests like the training data: no drift, with the numbers it rests on, and the traffic as it comes', async () => {
    await drift().getByText('The first window is not over yet.').waitFor();
    await sendUntil(
      () => drift().getByText('no drift', { exact: true }).isVisible(),
      (one) => one,
      false,
    );
    await drift().getByText('false-alarm rate 0.1 % a window').waitFor();
    await drift().getByRole('button', { name: 'Show more' }).click();
    await drift().getByRole('row', { name: 'prediction.label distribution' }).waitFor();
    assert.equal(await drift().getByText('drifted', { exact: true }).count(), 0);
    const chart = page.locator('[data-chart="Requests per second"]');
    await chart.getByRole('img').waitFor();
    await chart.getByRole('button', { name: 'Show the numbers as a table' }).click();
    const rates = await chart.locator('tbody td:nth-child(2)').allInnerTexts();
    assert.ok(
      rates.some((text) => Number(text) > 0),
      rates.join(' '),
    );
    await chart.getByRole('button', { name: 'Show the numbers as a table' }).click();
  });

  let request: string;
  it('other contrast: the features that drifted first, the alarm with its receipt, and a question', async () => {
    const question = page.getByRole('region', { name: 'Retrain?' });
    request = await sendUntil(() => question.isVisible(), darkened, true);
    await drift()
      .getByRole('row', { name: /PSI.*drifted/ })
      .first()
      .waitFor();
    assert.match((await drift().getByRole('row').nth(1).innerText()).replaceAll('\n', ' '), /drifted/);
    await drift().getByRole('table', { name: 'Drift alarms' }).getByRole('link', { name: 'Receipt' }).waitFor();
    await question.getByRole('button', { name: 'Not now' }).waitFor();
    await screenshots('endpoint/digits', 'endpoint-drift', async (shown) => {
      await shown.locator('.effect-beyond').first().waitFor();
      await shown.locator('.traffic-charts canvas').first().waitFor();
    });
  });

  it('Retrain, answered by keyboard, begins the retraining, and the question is gone', async () => {
    const question = page.getByRole('region', { name: 'Retrain?' });
    await question.getByRole('button', { name: 'Retrain' }).focus();
    await page.keyboard.press('Enter');
    await question.getByRole('group', { name: /^Train again on the labelled samples/ }).waitFor();
    await page.keyboard.press('Enter');
    await page
      .getByRole('table', { name: 'Retrainings' })
      .getByRole('row', { name: /digits\/1/ })
      .waitFor();
    await until(async () => (await question.count()) === 0, 'the question to go');
    const { proposal, retrainings } = await server.call('getMonitor', { params: { name: 'digits' } });
    assert.equal(proposal, null);
    assert.equal(retrainings.length, 1);
    const pipelines = (await server.call('listPipelines')).items.map(({ id }) => id);
    assert.ok(pipelines.includes(retrainings[0]!.pipeline!));
  });

  it('a request id leads to the model version that answered, and its lineage to the bytes, receipt by receipt', async () => {
    await page.locator('.trace-form vscode-text-field input').fill(request);
    await page.keyboard.press('Enter');
    await page.locator('h1').filter({ hasText: 'digits v1' }).waitFor();
    const picture = page.locator('[data-chart=lineage]');
    for (const kind of ['dataset', 'split', 'stage', 'run', 'validation', 'model', 'endpoint']) {
      await picture.locator(`.lineage-${kind}`).first().waitFor();
    }
    const gates = page.getByRole('table', { name: 'Gates' });
    await gates
      .getByRole('row', { name: /test\/accuracy/ })
      .first()
      .waitFor();
    await page.getByRole('table', { name: 'Promotion history' }).getByText('became production').waitFor();
    await screenshots('model/digits/v1', 'model-version', (shown) => shown.locator('.lineage-endpoint').waitFor());
    await picture.getByRole('link', { name: /^Receipt: split .* was made from dataset/ }).focus();
    await page.keyboard.press('Enter');
    await page.locator('h1').filter({ hasText: 'split:digits@v1' }).waitFor();
  });

  it('an id that nothing is known of is refused, with what does lead back', async () => {
    await page.goBack();
    await page.goto(new URL('/endpoint/digits', page.url()).href);
    await page.locator('.trace-form vscode-text-field input').fill('never-issued');
    await page.keyboard.press('Enter');
    await page
      .getByRole('alert')
      .getByText(/X-Slipway-Receipt header always leads/)
      .waitFor();
  });
});
