/**
 * Builds everything that runs: the extension, the server with its worker files, the pages, and the JSON schemas of
 * slipway.yaml and policy.yaml. `node esbuild.ts` once, `node esbuild.ts --watch` while developing.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import esbuild, { type BuildOptions, type Plugin } from 'esbuild';
import { policyFileJsonSchema } from './server/protocol/policyFile.ts';
import { slipwayFileJsonSchema } from './server/protocol/slipwayFile.ts';

const watch = process.argv.includes('--watch');
const shared: BuildOptions = {
  bundle: true,
  minify: !watch,
  sourcemap: watch,
  logLevel: 'warning',
  metafile: true,
  legalComments: 'none',
  charset: 'utf8',
};

/** Lines that an editor's background task waits for. */
const announce: Plugin = {
  name: 'announce',
  setup(build) {
    build.onStart(() => console.log('[watch] build started'));
    build.onEnd((result) => console.log(`[watch] build finished${result.errors.length > 0 ? ' with errors' : ''}`));
  },
};

/** The extension's entry is a bundle of its own, so that activation compiles little; the rest is loaded after it. */
const containerBeside: Plugin = {
  name: 'container-beside',
  setup(build) {
    build.onResolve({ filter: /^\.\/container\.ts$/ }, () => ({ path: './container.cjs', external: true }));
  },
};

/** CommonJS libraries inside an ES module ask for `require`. */
const banner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

const builds: BuildOptions[] = [
  {
    ...shared,
    entryPoints: {
      slipway: 'server/cli/main.ts',
      launcher: 'server/runtimes/local/launcher.ts',
      addWorker: 'server/engine/addWorker.ts',
      exportWorker: 'server/metrics/exportWorker.ts',
    },
    outdir: 'dist/server',
    platform: 'node',
    format: 'esm',
    target: 'node22',
    splitting: true,
    chunkNames: 'parts/[name]-[hash]',
    banner,
  },
  {
    // One file, which the image of the container beside each workload takes.
    ...shared,
    entryPoints: { agent: 'server/runtimes/kubernetes/agent/main.ts' },
    outdir: 'dist/agent',
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner,
  },
  ...[
    { entryPoints: { extension: 'extension/main.ts' }, plugins: [containerBeside] },
    { entryPoints: { container: 'extension/container.ts' } },
  ].map(
    (entry): BuildOptions => ({
      ...shared,
      ...entry,
      outdir: 'dist',
      outExtension: { '.js': '.cjs' },
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      external: ['vscode'],
    }),
  ),
  {
    ...shared,
    entryPoints: { main: 'webview-ui/main.tsx' },
    outdir: 'dist/webview',
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
  },
  {
    ...shared,
    entryPoints: { relay: 'webview-ui/foreign/relay.ts', frame: 'webview-ui/foreign/frame.ts' },
    outdir: 'dist/webview',
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
  },
];

mkdirSync('dist', { recursive: true });
const schema = 'dist/slipway.schema.json';
writeFileSync(schema, `${JSON.stringify(slipwayFileJsonSchema(), null, 2)}\n`);
writeFileSync('resources/policy.schema.json', `${JSON.stringify(policyFileJsonSchema(), null, 2)}\n`);
if (watch) {
  const contexts = await Promise.all(
    builds.map((build) => esbuild.context({ ...build, plugins: [announce, ...(build.plugins ?? [])] })),
  );
  await Promise.all(contexts.map((context) => context.watch()));
} else {
  const results = await Promise.all(builds.map((build) => esbuild.build(build)));
  removeOthers([schema, ...results.flatMap((result) => Object.keys(result.metafile!.outputs))]);
}

/** What an earlier build left: removed after the new files are there, so that what runs from dist/ goes on. */
function removeOthers(built: string[]): void {
  const kept = new Set(built.map((file) => path.normalize(file)));
  for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path.normalize(file))) rmSync(file);
  }
}
