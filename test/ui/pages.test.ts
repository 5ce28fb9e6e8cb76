// The run page and the compare page in a plain browser, against a real control plane and programs that really write.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Locator, Page } from 'playwright-core';
import type { Run } from '../../server/protocol/entities.ts';
import { until } from '../integration/loop/place.ts';
import { openPages, type Pages, paintedOf } from './harness/pages.ts';

const lines = 1_000_000;

describe('pages of runs', function () {
  this.timeout(180_000);
  let pages: Pages;
  before(async () => {
    pages = await openPages();
  });
  after(() => pages?.close());

  describe('the run page', () => {
    let run: Run;
    let page: Page;
    let stop: { path: string; give(): void };
    const card = (tag: string) => page.locator(`[data-chart="${tag}"]`);

    before(async () => {
      stop = pages.signal('stop');
      run = await pages.write(
        'train digits',
        {
          steps: 300,
          tags: ['train/loss', 'val/accuracy', 'system/cpu'],
          mediaSteps: 20,
          nanAt: [50, 51],
          infinityAt: [120],
          everyMs: 200,
          until: stop.path,
        },
        { lr: 0.01 },
      );
      page = await pages.open({ page: 'run', id: run.id }, { measured: true });
      await card('train/loss').locator('canvas').waitFor();
    });

    it('pins the objective first, and counts what is no number', async () => {
      await card('train/loss').getByText('2 × NaN · 1 × +∞').waitFor();
      const first = page.locator('.chart-card').first();
      assert.equal(await first.getAttribute('data-chart'), 'val/accuracy');
      await card('train/loss').getByRole('button', { name: 'Pin' }).click();
      await page.getByText('Pinned 2').waitFor();
    });

    it('moves by itself while the run writes', async () => {
      const lastStep = async () => {
        const painted = await paintedOf(page, 'curves');
        const detail = painted.at(-1)?.detail as { series: { lastStep: number }[] } | undefined;
        return detail?.series[0]?.lastStep ?? 0;
      };
      const before = await lastStep();
      await until(async () => (await lastStep()) > before + 3, 'new points');
    });

    it('shows the cross-hair on all cards, with the values there', async () => {
      const box = (await card('train/loss').locator('canvas').boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await until(async () => (await page.locator('.crosshair').count()) === 2, 'two cross-hairs');
      const [loss, accuracy] = await Promise.all(
        ['train/loss', 'val/accuracy'].map((tag) =>
          card(tag)
            .getByText(/^step \d+$/)
            .textContent(),
        ),
      );
      assert.equal(loss, accuracy);
      await page.mouse.move(5, 5);
      await until(async () => (await page.locator('.crosshair').count()) === 0, 'the cross-hairs to go');
    });

    it('zooms to a range by the pointer and by keys, and back', async () => {
      const zoomed = async () => {
        const painted = await paintedOf(page, 'curves');
        const mine = painted.filter((note) => (note.detail as { title: string }).title === 'train/loss');
        return mine.at(-1)!.detail as { zoomed?: [number, number]; fetched: boolean };
      };
      const canvas = card('train/loss').locator('canvas');
      const box = (await canvas.boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.6, box.y + 50, { steps: 4 });
      await page.mouse.up();
      await until(async () => (await zoomed()).fetched, 'the zoomed points');
      const [from, to] = (await zoomed()).zoomed!;
      assert.ok(from > 50 && to < 260 && to > from, `${from} to ${to}`);
      await canvas.focus();
      await page.keyboard.press('+');
      await until(async () => ((await zoomed()).zoomed?.[0] ?? 0) > from, 'a closer look');
      await page.keyboard.press('Escape');
      await until(async () => (await zoomed()).zoomed === undefined, 'the whole curve');
    });

    it('has its numbers as a table, and gives them away as CSV, SVG and PNG', async () => {
      await card('train/loss').getByRole('button', { name: 'Show the numbers as a table' }).click();
      const rows = card('train/loss').getByRole('row');
      assert.match((await rows.first().textContent())!, /Step.*Value/);
      assert.ok((await rows.count()) > 300);
      await card('train/loss').getByRole('button', { name: 'Show the numbers as a table' }).click();
      const csv = await saved(page, card('train/loss'), 'Save as CSV');
      const values = csv
        .split('\r\n')
        .slice(1, -1)
        .map((line) => line.split(',')[1]);
      assert.equal(values.filter((value) => value === 'NaN').length, 2);
      assert.ok(values.includes('Infinity'));
      assert.match(await saved(page, card('train/loss'), 'Save as SVG'), /^<svg .*<path d="M/s);
      assert.equal((await saved(page, card('train/loss'), 'Save as PNG')).slice(1, 4), 'PNG');
    });

    it('shows images and texts by step, and histograms', async () => {
      const image = card('samples/digits').getByRole('img');
      await image.scrollIntoViewIfNeeded();
      await until(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth === 16), 'the picture');
      const notes = card('notes/text_summary');
      await notes.getByText('At step **190** everything goes well.').waitFor();
      await notes.getByRole('slider').press('Home');
      await notes.getByText('At step **0** everything goes well.').waitFor();
      await card('weights/layer1').getByText('20 of 20 histograms').waitFor();
      await page.evaluate(() => scrollTo(0, 0));
      await pages.screenshots(page, 'page-run-curves');
    });

    it('shows what the machine was used for in a tab of its own', async () => {
      assert.equal(await card('system/cpu').count(), 0);
      await page.getByRole('tab', { name: 'System' }).click();
      await card('cpu').locator('canvas').waitFor();
      await page.getByRole('tab', { name: 'Curves' }).click();
    });

    it('nothing below the head moves when the run ends', async () => {
      const place = async () => (await page.getByRole('tablist').boundingBox())!.y;
      const whileRunning = await place();
      stop.give();
      await page.locator('h1').filter({ hasText: 'succeeded' }).waitFor();
      await page.getByText('Validate judges its model').waitFor();
      await page.getByRole('link', { name: 'Receipt' }).waitFor();
      assert.equal(await place(), whileRunning);
    });
  });

  describe('the log', () => {
    let page: Page;
    const log = () => page.getByRole('log');

    before(async () => {
      const run = await pages.write('long log', { steps: 1, tags: ['loss'], lines });
      await pages.ended(run.id);
      page = await pages.open({ page: 'run', id: run.id });
      await page.getByRole('tab', { name: 'Logs' }).click();
    });

    it(`of ${lines.toLocaleString('en')} lines has its end in sight, and only what is in sight in the page`, async () => {
      await page.getByText('1,000,000 lines').waitFor();
      await log()
        .getByText(`line ${lines - 1}`)
        .waitFor();
      assert.ok((await page.locator('.log-line').count()) < 200);
    });

    it('leads to its first line and through what is searched', async () => {
      await log().evaluate((element) => {
        element.scrollTop = 0;
      });
      await log().getByText('epoch 0', { exact: true }).waitFor();
      assert.equal(await page.getByRole('checkbox', { name: 'Follow' }).isChecked(), false);
      const search = page.locator('vscode-text-field').first();
      await search.click();
      await page.keyboard.type('line 777777');
      await page.getByText('? of 1').waitFor();
      await page.keyboard.press('Enter');
      const chosen = page.locator('.log-line.chosen');
      await chosen.getByText('line 777777').waitFor();
      assert.equal(await chosen.locator('mark').textContent(), 'line 777777');
      await pages.screenshots(page, 'page-run-log');
    });

    it('keeps the colours of the terminal', async () => {
      const color = await page
        .locator('.log-line .line-text span')
        .first()
        .evaluate((span) => getComputedStyle(span).color);
      const plain = await log().evaluate((element) => getComputedStyle(element).color);
      assert.notEqual(color, plain);
    });
  });

  describe('the compare page', () => {
    let page: Page;
    const grid = () => page.getByRole('grid');
    const titles = () => page.locator('.run-row .row-title').allTextContents();
    const runs: Run[] = [];

    before(async () => {
      const given = [
        { lr: 0.1, optimizer: 'adam', hidden: 32 },
        { lr: 0.01, optimizer: 'adam', hidden: 64 },
        { lr: 0.001, optimizer: 'sgd', hidden: 64 },
        { lr: 0.0001, optimizer: 'sgd', hidden: 128 },
      ];
      for (const [i, params] of given.entries()) {
        const plan = { steps: 100, tags: ['train/loss', 'val/accuracy'], level: 0.1 + 0.2 * i };
        runs.push(await pages.write(`trial ${i}`, plan, params));
      }
      for (const run of runs) await pages.ended(run.id);
      page = await pages.open({ page: 'compare', runs: runs.map((run) => run.id) });
      await grid().getByText('trial 3').waitFor();
    });

    it('has a column for each parameter that differs and each metric, and no other where only differences are wanted', async () => {
      const heads = async () => (await grid().getByRole('columnheader').allTextContents()).map((text) => text.trim());
      for (const name of ['lr', 'optimizer', 'hidden', 'val/accuracy']) assert.ok((await heads()).includes(name), name);
      assert.ok(!(await heads()).includes('Project'));
      await page.getByRole('checkbox', { name: 'Differences only' }).click();
      await until(
        async () => (await page.getByRole('grid').getAttribute('aria-colcount')) !== null && (await columns()) > 10,
        'all columns',
      );
      await page.getByRole('checkbox', { name: 'Differences only' }).click();
    });
    const columns = async () => Number(await grid().getAttribute('aria-colcount'));

    it('filters by conditions, and names a column that is not there', async () => {
      const field = page.locator('.compare-toolbar vscode-text-field');
      await field.click();
      await page.keyboard.type('lr<0.05 optimizer=sgd');
      await until(async () => (await titles()).join() === 'trial 2,trial 3', 'the two that fit');
      await page.getByText('2 lines').waitFor();
      await page.keyboard.press('Control+A');
      await page.keyboard.type('nothing>3');
      await page.getByText('There is no column nothing.').waitFor();
      await page.getByRole('button', { name: 'Show all' }).click();
      await until(async () => (await titles()).length === 4, 'all');
    });

    it('sorts, pins and groups', async () => {
      await grid().getByRole('button', { name: 'val/accuracy' }).click();
      assert.equal((await titles()).join(), 'trial 0,trial 1,trial 2,trial 3');
      await grid().getByRole('button', { name: 'val/accuracy' }).click();
      assert.equal((await titles()).join(), 'trial 3,trial 2,trial 1,trial 0');
      const row = page.locator('.run-row').filter({ hasText: 'trial 0' });
      await row.hover();
      await row.getByRole('button', { name: 'Pin' }).click();
      assert.equal((await titles()).join(), 'trial 0,trial 3,trial 2,trial 1');
      await page.getByLabel('Group by').selectOption({ label: 'optimizer' });
      assert.equal((await titles()).join(), 'trial 0,sgd,trial 3,trial 2,adam,trial 1');
      await page.locator('.group-toggle').first().click();
      assert.equal((await titles()).join(), 'trial 0,sgd,adam,trial 1');
      await page.getByLabel('Group by').selectOption('');
    });

    it('can be used by keyboard alone: moving, choosing, brushing', async () => {
      await page.locator('.run-table [data-active]').focus();
      await page.keyboard.press('Control+Home');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Space');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Space');
      assert.deepEqual(await page.locator('.run-row.chosen .row-title').allTextContents(), ['trial 3', 'trial 2']);
      await page.keyboard.press('ArrowRight');
      const active = page.locator('[role=gridcell][tabindex="0"]');
      assert.equal(await active.count(), 1);
      const edge = page.getByRole('slider', { name: 'lr: at least' });
      await edge.focus();
      await until(async () => {
        await page.keyboard.press('PageUp');
        return (await titles()).length < 4;
      }, 'fewer rows');
      await page.keyboard.press('Escape');
      await until(async () => (await titles()).length === 4, 'all rows');
    });

    it('what is chosen shows in the curves, and all of it can be saved', async () => {
      await pages.screenshots(page, 'page-compare-parallel');
      await page.getByRole('tab', { name: 'Scatter' }).click();
      await page.locator('[data-chart=scatter] canvas').waitFor();
      await pages.screenshots(page, 'page-compare-scatter');
      await page.getByRole('tab', { name: 'Curves' }).click();
      const loss = page.locator('[data-chart="train/loss"]');
      await until(
        async () => (await loss.locator('.curve-legend li').count()) === 3,
        'the pinned and the chosen curves',
      );
      await pages.screenshots(page, 'page-compare-curves');
      await page.getByRole('tab', { name: 'Parallel coordinates' }).click();
      assert.match(await saved(page, page.locator('[data-chart=parallel]'), 'Save as SVG'), /<svg .*optimizer/s);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Save as CSV' }).click(),
      ]);
      const table = await readFile(await download.path(), 'utf8');
      assert.equal(table.trim().split('\r\n').length, 5);
      assert.match(table, /trial 3,[^,]+,/);
    });

    it('shows a run that comes while it is open', async () => {
      const all = await pages.open({ page: 'compare', project: 'curves' });
      await all.getByRole('grid').getByText('trial 3').waitFor();
      await pages.write('one more', { steps: 10, tags: ['val/accuracy'] }, { lr: 0.5 });
      await all.getByRole('grid').getByText('one more').waitFor();
      await all.close();
    });

    it('speaks Korean as well', async () => {
      const korean = await pages.open({ page: 'compare' }, { locale: 'ko-KR' });
      await korean.getByRole('heading', { name: '실행 비교' }).waitFor();
      await korean.getByRole('grid').getByText('trial 3').waitFor();
      await korean.close();
    });
  });
});

/** What an entry of a card's menu saves, as text. */
async function saved(page: Page, card: Locator, entry: string): Promise<string> {
  await card.getByRole('button', { name: 'Copy or save' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    card.getByRole('menuitem', { name: entry }).click(),
  ]);
  return readFile(await download.path(), 'latin1');
}
