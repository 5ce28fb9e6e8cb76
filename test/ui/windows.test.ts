// Several windows of one person, and a display language other than English.

import assert from 'node:assert/strict';
import { processesOf, until } from '../integration/loop/place.ts';
import { makePlace, type Place } from './harness/place.ts';
import { openSecondWindow, openWorkbench, type Workbench } from './harness/workbench.ts';

const shell = (project: string) => `project: ${project}\ntrain: { run: "echo trained ${project}" }\n`;

describe('two windows of a person', () => {
  let place: Place;
  let first: Workbench;
  let second: Workbench;

  before(async () => {
    place = makePlace('windows');
    const folder = place.addProject('one', shell('one'));
    first = await openWorkbench({ folder, name: 'windows', machineSettings: place.machineSettings });
    second = await openSecondWindow(first, place.addProject('two', shell('two')));
  });
  after(async () => {
    await second?.close();
    await first?.close();
    await place?.end();
  });

  it('look at the views at the same time and share one control plane', async () => {
    await Promise.all([first, second].map((window) => window.openContainer('Slipway')));
    for (const { page } of [first, second]) {
      await page.locator('.statusbar').getByRole('button', { name: 'Slipway: Nothing is running.' }).waitFor();
    }
    const { pid } = await place.server();
    const serving = async () => (await processesOf(place.data)).filter((line) => / serve --data /.test(line));
    // Of two that were started at the same moment, the one without the lock ends by itself.
    await until(async () => (await serving()).length === 1, 'the one control plane');
    assert.equal(Number.parseInt((await serving())[0]!, 10), pid);
  });

  it('see each other’s runs', async () => {
    for (const { page } of [first, second])
      await page.locator('.welcome-view').getByRole('button', { name: 'Start Training' }).first().click();
    for (const window of [first, second]) {
      await window.row('Runs', /^train one/).waitFor({ timeout: 60_000 });
      await window.row('Runs', /^train two/).waitFor({ timeout: 60_000 });
    }
    await first.tab('train one').waitFor();
    await second.tab('train two').waitFor();
    assert.deepEqual([await first.tabs(), await second.tabs()], [['train one'], ['train two']]);
  });

  it('one is closed: the other, and the control plane, go on', async () => {
    const { pid } = await place.server();
    await second.close();
    await first.command('Slipway: Start Training');
    await first.webview().locator('.page-head h1').filter({ hasText: 'succeeded' }).waitFor({ timeout: 60_000 });
    assert.equal((await place.server()).pid, pid);
  });
});

describe('in Korean and in high contrast', () => {
  let place: Place;
  let editor: Workbench;

  before(async () => {
    place = makePlace('korean');
    const folder = place.addProject('shell', shell('shell'));
    const look = { locale: 'ko', theme: 'highContrast' } as const;
    editor = await openWorkbench({ folder, name: 'korean', machineSettings: place.machineSettings, ...look });
  });
  after(async () => {
    await editor?.close();
    await place?.end();
  });

  it('views, actions and pages speak Korean', async () => {
    await editor.openContainer('Slipway');
    const start = editor.page.locator('.welcome-view').getByRole('button', { name: '학습 시작' });
    await start.first().waitFor();
    await editor.screenshot('korean-empty');
    await start.first().click();
    await editor.row('실행', /^train shell/).waitFor({ timeout: 60_000 });
    const head = editor.webview().locator('.page-head h1');
    await head.filter({ hasText: '성공' }).waitFor({ timeout: 60_000 });
    await editor.webview().getByRole('tab', { name: '로그' }).click();
    await editor.webview().getByText('trained shell').waitFor();
    await editor.screenshot('korean-run');
    await editor.command('Slipway: 대시보드 열기');
    await editor.webview().getByRole('heading', { name: '실행' }).first().waitFor();
    await editor.screenshot('korean-dashboard');
  });
});
