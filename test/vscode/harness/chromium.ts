// Chromium without a window, by Playwright, for the tests that look at an editor or a page.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';

/** Starts the Chromium that SLIPWAY_TEST_CHROMIUM names. It makes no network calls of its own. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch(launchOptions());
}

/**
 * A person's own profile in a new folder, in which frames of other sites may store things, as in desktop VS Code.
 * Debian's Chromium refuses them that (its master_preferences), and TensorBoard does not start without.
 */
export function openProfile(folder: string): Promise<BrowserContext> {
  mkdirSync(path.join(folder, 'Default'), { recursive: true });
  const preferences = { profile: { block_third_party_cookies: false, cookie_controls_mode: 0 } };
  writeFileSync(path.join(folder, 'Default/Preferences'), JSON.stringify(preferences));
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
