// Our pages in a plain browser against a real control plane: the place, the browser, and runs that write what a plan
// says.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Run } from '../../../server/protocol/entities.ts';
import { type PageRoute, routePath } from '../../../server/protocol/pages.ts';
import type { Painted } from '../../../webview-ui/measure.ts';
import { makePlace, type Place, type Server, until } from '../../integration/loop/place.ts';
import { out } from '../../run/process.ts';
import { launchChromium } from '../../vscode/harness/chromium.ts';
import type { WriterPlan } from './writer.ts';

export interface Pages {
  place: Place;
  server: Server;
  browser: Browser;
  /** Opens a page in a window of its own. */
  open(route: PageRoute, options?: { dark?: boolean; measured?: boolean; locale?: string }): Promise<Page>;
  /** Starts a run that writes by a plan, with parameters as training, else as a program; waits until it runs. */
  write(title: string, plan: WriterPlan, params?: Record<string, number | string>): Promise<Run>;
  /** The file whose appearance ends a plan's `until`. */
  signal(name: string): { path: string; give(): void };
  ended(run: string): Promise<Run>;
  /** Writes out/screenshots/NAME-light.png and -dark.png of a page. */
  screenshots(page: Page, name: string): Promise<void>;
  close(): Promise<void>;
}

const viewport = { width: 1440, height: 900 };

/** @param prepare fills the data folder before the control plane starts */
export async function openPages(prepare?: (data: string) => Promise<void>): Promise<Pages> {
  const place = await makePlace();
  let browser: Browser | undefined;
  try {
    mkdirSync(place.data, { recursive: true });
    await prepare?.(place.data);
    const server = await place.serve();
    browser = await launchChromium();
    return pagesOf(place, server, browser);
  } catch (error) {
    await browser?.close();
    await place.close();
    throw error;
  }
}

function pagesOf(place: Place, server: Server, browser: Browser): Pages {
  const project = place.path('project');
  mkdirSync(project);
  const writer = path.join(import.meta.dirname, 'writer.ts');
  const yaml = `project: curves
train:
  run: ${process.execPath} ${writer} {plan}
  params: { plan: '', lr: 0.01, optimizer: adam, hidden: 32 }
  objective: { metric: val/accuracy, goal: maximize }
  resources: { cpu: 0.01, memory: 32Mi }
`;
  writeFileSync(path.join(project, 'slipway.yaml'), yaml);
  const getRun = (id: string) => server.call('getRun', { params: { id } });
  return {
    place,
    server,
    browser,
    async open(route, { dark = false, measured = false, locale } = {}) {
      const context = await browser.newContext({
        viewport,
        colorScheme: dark ? 'dark' : 'light',
        acceptDownloads: true,
        ...(locale ? { locale } : {}),
      });
      const page = await context.newPage();
      if (measured) {
        await page.addInitScript(() => {
          (globalThis as { slipwayPainted?: unknown[] }).slipwayPainted = [];
        });
      }
      const { url } = await server.call('createTicket', { body: { page: routePath(route) } });
      await page.goto(url);
      return page;
    },
    async write(title, plan, params) {
      const command = [process.execPath, writer, JSON.stringify(plan)];
      const train = { step: 'train', params: { ...params, plan: JSON.stringify(plan) } };
      const run = await server.call('startRun', {
        body: { folder: project, title, ...(params ? train : { command }) },
      });
      await until(async () => (await getRun(run.id)).startedAt !== undefined, `the start of ${title}`);
      return getRun(run.id);
    },
    signal(name) {
      const file = place.path(name);
      return { path: file, give: () => writeFileSync(file, '') };
    },
    async ended(run) {
      await until(async () => (await getRun(run)).endedAt !== undefined, `the end of ${run}`);
      return getRun(run);
    },
    async screenshots(page, name) {
      mkdirSync(path.join(out, 'screenshots'), { recursive: true });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
        await page.screenshot({ path: path.join(out, 'screenshots', `${name}-${colorScheme}.png`) });
      }
    },
    async close() {
      await browser.close();
      await place.close();
    },
  };
}

/** What the page has noted as painted so far, by name. */
export async function paintedOf(page: Page, name: string): Promise<Painted[]> {
  const all = await page.evaluate(() => (globalThis as { slipwayPainted?: Painted[] }).slipwayPainted ?? []);
  return all.filter((each) => each.name === name);
}
