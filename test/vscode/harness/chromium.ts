// Chromium without a window, by Playwright, for the tests that look at an editor or a page.

import { type Browser, type BrowserContext, chromium } from 'playwright-core';

/** Starts the Chromium that SLIPWAY_TEST_CHROMIUM names. It makes no network calls of its own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch(launchOptions());
}

/**
 * A person's own profile in a new folder: unlike the private windows of `launchChromium`, it lets frames of other sites
 * store things, as people's browsers and desktop VS Code do.
 */
export function openProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, launchOptions());
}

function launchOptions() {
  return {
    executablePath: process.env['SLIPWAY_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  };
}
