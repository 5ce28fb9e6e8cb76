// The editor as a person sees it: the packaged extension installed in code-server, a folder open in Chromium, and the
// few gestures that UI tests need. Locators follow VS Code's own ARIA roles where it has them.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { out } from '../../run/process.ts';
import { launchChromium } from '../../vscode/harness/chromium.ts';
import { type CodeServer, startCodeServer } from '../../vscode/harness/codeServer.ts';

export type Theme = 'light' | 'dark' | 'highContrast';

/** Value of the setting, label in the quick pick, and the class that the workbench carries while it is in force. */
const themes: Record<Theme, { id: string; label: string; cssClass: string }> = {
  light: { id: 'Light Modern', label: 'Light Modern', cssClass: 'vscode-theme-defaults-themes-light_modern-json' },
  dark: { id: 'Dark Modern', label: 'Dark Modern', cssClass: 'vscode-theme-defaults-themes-dark_modern-json' },
  highContrast: {
    id: 'Default High Contrast',
    label: 'Dark High Contrast',
    cssClass: 'vscode-theme-defaults-themes-hc_black-json',
  },
};

export interface Workbench {
  page: Page;
  server: CodeServer;
  /** What the console said of pages that broke their content security policy, foreign applications left out. */
  policyViolations: string[];
  /** Runs a command by its title, as typed into the command palette. Quick picks of its own stay open. */
  command(title: string): Promise<void>;
  /** The quick input (command palette, quick picks, input boxes). */
  quickInput: Locator;
  /** Picks an entry of the open quick pick by its label. */
  pick(label: string | RegExp): Promise<void>;
  /** Types into the open input box and confirms. */
  enter(text: string): Promise<void>;
  /** Shows a view container of the activity bar by its title. */
  openContainer(title: string): Promise<void>;
  /** The tree of a view by the view's name; expand a collapsed view first with `expandView`. */
  tree(viewName: string): Locator;
  expandView(viewName: string): Promise<void>;
  /** A row of a view's tree by the text in it. */
  row(viewName: string, text: string | RegExp): Locator;
  /** Chooses an action of a row, which shows when the row is hovered. */
  rowAction(viewName: string, text: string | RegExp, action: string): Promise<void>;
  /** Opens a file of the folder by its name. */
  openFile(name: string): Promise<void>;
  /** Replaces text in the open editor by the editor's own find and replace. */
  replaceInFile(text: string, by: string): Promise<void>;
  /** Notifications that are on screen, with the given text. */
  notification(text: string | RegExp): Locator;
  /** The tab of an editor or panel by its title. */
  tab(title: string | RegExp): Locator;
  /** The titles of all tabs, in their order. */
  tabs(): Promise<string[]>;
  /** The document of the active webview panel (VS Code nests two frames). */
  webview(): FrameLocator;
  /** A button of a modal dialog or of a notification. */
  answer(label: string): Promise<void>;
  theme(): Theme;
  setTheme(theme: Theme): Promise<void>;
  /** Waits until the editor is still, then writes out/screenshots/NAME-THEME.png and returns its path. */
  screenshot(name: string): Promise<string>;
  /** Screenshots in the light and the dark theme. */
  screenshots(name: string): Promise<void>;
  /** Loads the window anew: the extension is activated again, panels are restored. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkbenchOptions {
  /** The folder to open. */
  folder: string;
  /** Names the folder under out/test/ui where this instance keeps its data. */
  name: string;
  vsix?: string;
  theme?: Theme;
  settings?: Record<string, unknown>;
  /** Settings of the machine, e.g. `slipway.dataFolder`. */
  machineSettings?: Record<string, unknown>;
  env?: NodeJS.ProcessEnv;
  /** Display language, e.g. `ko`. */
  locale?: string;
}

/** Starts an editor with the packaged extension and opens a folder in it. */
export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const theme = options.theme ?? 'dark';
  const server = await startCodeServer({
    folder: path.join(out, 'test/ui', options.name),
    vsix: [options.vsix ?? path.join(out, 'slipway.vsix')],
    settings: { ...options.settings, 'workbench.colorTheme': themes[theme].id },
    env: options.env ?? {},
    machineSettings: options.machineSettings ?? {},
    ...(options.locale ? { locale: options.locale } : {}),
  });
  let browser: Browser | undefined;
  try {
    browser = await launchChromium();
    const page = await openWindow(browser, server, options.folder, theme, options.locale);
    return gestures(page, server, browser, theme);
  } catch (error) {
    await browser?.close();
    await server.stop();
    throw error;
  }
}

/** One more window of a running editor, as in another browser profile, on another folder. */
export async function openSecondWindow(first: Workbench, folder: string): Promise<Workbench> {
  const browser = await launchChromium();
  try {
    const page = await openWindow(browser, first.server, folder, first.theme());
    return gestures(page, { ...first.server, stop: async () => undefined }, browser, first.theme());
  } catch (error) {
    await browser.close();
    throw error;
  }
}

async function openWindow(browser: Browser, server: CodeServer, folder: string, theme: Theme, locale?: string) {
  const viewport = { width: 1440, height: 900 };
  const context = await browser.newContext({ viewport, ...(locale ? { locale } : {}) });
  const page = await context.newPage();
  await page.goto(`${server.url}/?folder=${encodeURIComponent(folder)}`);
  await ready(page, theme);
  return page;
}

/** The workbench is drawn, and its settings and theme are in force. */
async function ready(page: Page, theme: Theme): Promise<void> {
  await page.locator(`.monaco-workbench.${themes[theme].cssClass}`).waitFor({ timeout: 60_000 });
  await page.locator('.monaco-workbench .part.activitybar').waitFor();
}

function gestures(page: Page, server: CodeServer, browser: Browser, initialTheme: Theme): Workbench {
  let currentTheme = initialTheme;
  const violations: string[] = [];
  page.on('console', (message) => {
    // A foreign application has a policy, and faults, of its own.
    const isForeign = /\/[0-9a-f]{64}\//.test(message.location().url);
    if (!isForeign && /content security policy/i.test(message.text())) violations.push(message.text());
  });
  const quickInput = page.locator('.quick-input-widget:visible');
  const workbench: Workbench = {
    page,
    server,
    policyViolations: violations,
    quickInput,
    async command(title) {
      const entry = quickInput.getByRole('option', { name: title }).first();
      // The palette does not list commands of an extension that is registered after it was opened, and something that
      // takes the focus meanwhile closes it: open it again.
      for (let attempt = 1; ; attempt++) {
        await page.keyboard.press('F1');
        try {
          await quickInput.locator('input.input').fill(`>${title}`, { timeout: 3000 });
          await entry.click({ timeout: 3000 });
          return;
        } catch (error) {
          if (attempt === 10) throw error;
          await page.keyboard.press('Escape');
        }
      }
    },
    async pick(label) {
      await quickInput.getByRole('option', { name: label }).first().click();
    },
    async enter(text) {
      await quickInput.locator('input.input').fill(text);
      await page.keyboard.press('Enter');
    },
    async openContainer(title) {
      const tab = page.locator('.part.activitybar').getByRole('tab', { name: title });
      if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
      await page.locator('.part.sidebar').getByText(title, { exact: false }).first().waitFor();
    },
    tree: (viewName) => page.locator('.part.sidebar').getByRole('tree', { name: viewName }),
    async expandView(viewName) {
      const header = page.locator('.part.sidebar').getByRole('button', { name: `${viewName} Section` });
      if ((await header.getAttribute('aria-expanded')) === 'false') await header.click();
    },
    row: (viewName, text) => workbench.tree(viewName).getByRole('treeitem').filter({ hasText: text }),
    async rowAction(viewName, text, action) {
      const row = workbench.row(viewName, text).first();
      // A row that moves meanwhile, as one does whose run ends, is no longer under the mouse.
      for (let attempt = 1; ; attempt++) {
        await row.hover();
        try {
          return await row.getByRole('button', { name: action }).click({ timeout: 3000 });
        } catch (error) {
          if (attempt === 10) throw error;
        }
      }
    },
    async openFile(name) {
      for (let attempt = 1; ; attempt++) {
        await page.keyboard.press('Control+p');
        try {
          await quickInput.locator('input.input').fill(name, { timeout: 3000 });
          await quickInput.getByRole('option', { name }).first().click({ timeout: 3000 });
          break;
        } catch (error) {
          if (attempt === 10) throw error;
          await page.keyboard.press('Escape');
        }
      }
      await page.locator('.monaco-editor .view-lines').first().waitFor();
    },
    async replaceInFile(text, by) {
      await page.locator('.part.editor .monaco-editor .view-lines:visible').first().click();
      await page.keyboard.press('Control+h');
      const widget = page.locator('.find-widget.visible');
      await widget.getByRole('textbox', { name: 'Find' }).fill(text);
      await widget.getByRole('textbox', { name: 'Replace' }).fill(by);
      await page.keyboard.press('Control+Alt+Enter');
      await page.keyboard.press('Escape');
    },
    notification: (text) => page.locator('.notification-list-item').filter({ hasText: text }),
    tab: (title) => page.locator('.part.editor').getByRole('tab', { name: title, exact: true }),
    tabs: () => page.locator('.part.editor .tab .label-name').allInnerTexts(),
    // Panels that are behind others keep their frames, unseen.
    webview: () => page.frameLocator('iframe.webview.ready:visible').frameLocator('#active-frame'),
    async answer(label) {
      await page.locator('.monaco-dialog-box, .notification-list-item').getByRole('button', { name: label }).click();
    },
    theme: () => currentTheme,
    async setTheme(theme) {
      const { label, cssClass } = themes[theme];
      if (theme !== currentTheme) {
        // code-server reads settings.json at the start only, so a person's way is the way.
        await workbench.command('Preferences: Color Theme');
        await quickInput.locator('input.input').fill(label);
        await quickInput.getByRole('option', { name: label }).first().waitFor();
        await page.keyboard.press('Enter');
        currentTheme = theme;
      }
      await page.locator(`.monaco-workbench.${cssClass}`).waitFor();
      await quickInput.waitFor({ state: 'hidden' });
    },
    async screenshot(name) {
      const folder = path.join(out, 'screenshots');
      mkdirSync(folder, { recursive: true });
      const file = path.join(folder, `${name}-${currentTheme}.png`);
      await page.mouse.move(720, 899); // no hover in the picture
      await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
      return file;
    },
    async screenshots(name) {
      for (const theme of ['light', 'dark'] as const) {
        await workbench.setTheme(theme);
        await workbench.screenshot(name);
      }
    },
    async reload() {
      // By its command, which saves what is open first; the browser's own reload may come before that is written.
      const loaded = page.waitForEvent('load');
      await workbench.command('Developer: Reload Window');
      await loaded;
      await ready(page, currentTheme);
    },
    async close() {
      await browser.close();
      await server.stop();
    },
  };
  return workbench;
}
