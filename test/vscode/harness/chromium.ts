// Chromium without a window, by Playwright, for the tests that look at an editor or a page.

import { type Browser, chromium } from 'playwright-core';

/** Starts the Chromium that SLIPWAY_TEST_CHROMIUM names. It makes no network calls of its own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['SLIPWAY_TEST_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
}
