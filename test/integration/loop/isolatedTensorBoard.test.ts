// The real TensorBoard as it is shown in an editor that puts all ports under its own origin: with no origin of its own.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { isolatedPath } from '../../../server/protocol/pages.ts';
import { launchChromium } from '../../vscode/harness/chromium.ts';
import { makePlace, type Place, until } from './place.ts';

const writesCurve = `
import os
from tensorboardX import SummaryWriter
writer = SummaryWriter(os.environ["SLIPWAY_LOGDIR"])
for step in range(241): writer.add_scalar("val/accuracy", 1 - 0.9 ** step, step)
writer.close()
`;

describe('TensorBoard with no origin of its own', () => {
  let place: Place;
  let browser: Browser;
  before(async () => {
    place = await makePlace();
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await place?.close();
  });

  it('gets its data through our page around it, draws its curves, and breaks on nothing that it lacks', async () => {
    const { call } = await place.serve();
    await mkdir(place.path('code'));
    await writeFile(place.path('code', 'curve.py'), writesCurve);
    const command = ['python', 'curve.py'];
    const { id } = await call('startRun', { body: { folder: place.path('code'), command } });
    const ended = await until(async () => {
      const run = await call('getRun', { params: { id } });
      return run.endedAt === undefined ? undefined : run;
    }, 'the run to end');
    assert.equal(ended.status, 'succeeded', ended.reason);
    const opened = await call('openTensorBoard', { body: { runs: [id] } });
    await until(
      async () => (await call('getOperation', { params: { id: opened.operation } })).status === 'succeeded',
      'TensorBoard',
    );
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(opened.url + isolatedPath);
    const board = page.frameLocator('iframe');
    await board.getByText('val/accuracy', { exact: true }).first().waitFor();
    // The axis goes as far as the run, once the curve is drawn.
    await board.locator('card-view').first().getByText('200', { exact: true }).first().waitFor();
    await board.getByRole('tab', { name: 'Scalars' }).click();
    await board.locator('tf-scalar-card').getByText('200', { exact: true }).first().waitFor();
    assert.deepEqual(errors, []);
    assert.equal(
      await page
        .frames()
        .at(-1)!
        .evaluate(() => self.origin),
      'null',
    );
  });
});
