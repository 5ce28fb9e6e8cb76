#!/usr/bin/env node
// What package.json `bin` names. It runs the bundle in dist/; under a Node without node:sqlite it starts itself again
// with the Node that `npm install` put beside it. Plain JavaScript, so that any Node can read it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bundle = join(root, 'dist', 'server', 'slipway.js');
const nodeBeside = join(root, 'node_modules', 'node', 'bin', 'node');

if (!existsSync(bundle)) fail(`${bundle} does not exist`, 'Build it: npm run build');
else if (isBuiltin('node:sqlite')) {
  delete process.env.SLIPWAY_NODE;
  await import(pathToFileURL(bundle).href);
} else if (process.env.SLIPWAY_NODE === nodeBeside || !existsSync(nodeBeside)) {
  fail(
    `Node ${process.versions.node} has no node:sqlite`,
    'Install Node 22.13 or newer, or run npm install in the folder of Slipway.',
  );
} else startAgain();

function startAgain() {
  const child = spawn(nodeBeside, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, SLIPWAY_NODE: nodeBeside },
  });
  // A terminal sends Ctrl-C to both of us; other signals, and all without a terminal, come to this process alone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  child.on('error', (error) => fail(`${nodeBeside} cannot be started: ${error.message}`, 'Run npm install again.'));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : 15);
  });
}

function fail(message, hint) {
  process.stderr.write(`slipway: ${message}\nhint: ${hint}\n`);
  process.exitCode = 1;
}
