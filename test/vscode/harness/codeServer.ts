// code-server (VS Code's own code in a browser) for tests: an instance with its own user data, extensions and port,
// ended with everything below it. Used by the API suite (main.ts here) and by the UI tests (test/ui/harness).

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { childEnvironment } from '../../run/process.ts';

export interface CodeServerOptions {
  /** Holds user data, extensions and the log; made anew at each start. */
  folder: string;
  /** VSIX files to install first, as a person would. */
  vsix?: string[];
  /** Lets a page run tests inside the extension host. It hides notifications: not for UI tests. */
  smokeTestDriver?: boolean;
  /** The person's settings.json. */
  settings?: Record<string, unknown>;
  /** Settings of the machine, which are the only place for those of scope `machine`. */
  machineSettings?: Record<string, unknown>;
  env?: NodeJS.ProcessEnv;
  /** Display language, e.g. `ko`. */
  locale?: string;
}

export interface CodeServer {
  /** `http://localhost:PORT` */
  url: string;
  port: number;
  stop(): Promise<void>;
}

/** Settings that keep an editor still: nothing that appears by itself, calls home or differs from run to run. */
const quietSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'update.mode': 'none',
  'git.openRepositoryInParentFolders': 'never',
};

/** Starts an instance and waits until it listens. Rejects with the end of its log when it does not come up. */
export async function startCodeServer(options: CodeServerOptions): Promise<CodeServer> {
  const { folder } = options;
  rmSync(folder, { recursive: true, force: true });
  const userData = path.join(folder, 'user-data');
  const settingsFile = path.join(userData, 'User/settings.json');
  mkdirSync(path.dirname(settingsFile), { recursive: true });
  const settings = { ...quietSettings, ...options.settings };
  writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
  const machineFile = path.join(userData, 'Machine/settings.json');
  mkdirSync(path.dirname(machineFile), { recursive: true });
  writeFileSync(machineFile, JSON.stringify(options.machineSettings ?? {}, null, 2));
  if (options.locale) writeLanguagePack(userData, options.locale);
  // A Unix socket's path must be short, and a checkout's may be long.
  const sockets = mkdtempSync(path.join(tmpdir(), 'slipway-test-'));
  writeFileSync(path.join(folder, 'config.yaml'), 'cert: false\n');
  const common = [
    ...['--config', path.join(folder, 'config.yaml'), '--session-socket', path.join(sockets, 's')],
    ...['--user-data-dir', userData, '--extensions-dir', path.join(folder, 'extensions')],
  ];
  const launch = (args: string[]) => launchCodeServer(folder, [...common, ...args], options.env ?? {});

  for (const vsix of options.vsix ?? []) {
    const installing = launch(['--install-extension', vsix]);
    const status = await new Promise((resolve) => installing.child.once('exit', resolve));
    if (status !== 0) throw new Error(`Installing ${vsix} failed:\n${installing.output()}`);
  }
  const server = launch([
    ...['--auth', 'none', '--bind-addr', '127.0.0.1:0', '--disable-workspace-trust', '--disable-telemetry'],
    ...['--disable-update-check', '--disable-getting-started-override'],
    ...(options.locale ? ['--locale', options.locale] : []),
    ...(options.smokeTestDriver ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
  ]);
  const stop = async () => {
    await server.stop();
    rmSync(sockets, { recursive: true, force: true });
  };
  try {
    const port = await server.port();
    return { url: `http://localhost:${port}`, port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Registers a language pack without translations: VS Code takes a display language only with a pack for it, and the
 * real ones come from the marketplace. The editor stays English, extensions show their own translations.
 */
function writeLanguagePack(userData: string, locale: string): void {
  const translations = path.join(userData, 'no-translations.json');
  writeFileSync(translations, JSON.stringify({ version: '1.0.0', contents: {} }));
  const extensions = [{ extensionIdentifier: { id: `slipway-test.language-${locale}` }, version: '1.0.0' }];
  const pack = { hash: 'none', extensions, translations: { vscode: translations }, label: locale };
  writeFileSync(path.join(userData, 'languagepacks.json'), JSON.stringify({ [locale]: pack }));
}

function launchCodeServer(folder: string, args: string[], extra: NodeJS.ProcessEnv) {
  const entry = process.env['SLIPWAY_TEST_CODE_SERVER'];
  if (!entry) throw new Error('SLIPWAY_TEST_CODE_SERVER is not set: eval "$(node test/run/main.ts --env)" sets it.');
  // What Slipway and its tools keep for the user must not touch the real user's.
  const home = Object.fromEntries(
    ['DATA', 'CONFIG', 'STATE'].map((kind) => [`XDG_${kind}_HOME`, path.join(folder, 'xdg', kind.toLowerCase())]),
  );
  const child = spawn(process.execPath, [entry, ...args], {
    env: childEnvironment({ ...home, EXTENSIONS_GALLERY: '{}', ...extra }), // no marketplace, no network
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const log = createWriteStream(path.join(folder, 'code-server.log'), { flags: 'a' });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
      log.write(chunk);
    });
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endGroup = () => signalGroup(child, 'SIGKILL');
  process.once('exit', endGroup);
  return {
    child,
    output: () => output,
    /** The port, as soon as it listens. */
    port: () =>
      new Promise<number>((resolve, reject) => {
        const look = () => {
          const port = /HTTP server listening on http:\/\/[^:]+:(\d+)/.exec(output)?.[1];
          if (port) resolve(Number(port));
        };
        child.stdout!.on('data', look);
        child.once('error', reject);
        void ended.then(() => reject(new Error(`code-server ended before it listened:\n${output}`)));
      }),
    async stop() {
      signalGroup(child, 'SIGTERM');
      const patience = setTimeout(endGroup, 5000);
      await ended;
      clearTimeout(patience);
      endGroup(); // the rest of its group
      process.off('exit', endGroup);
      log.end();
    },
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid) process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}
