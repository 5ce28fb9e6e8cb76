/**
 * `npm start`: takes the digits example through the whole loop on this machine, with what is cached, and leaves a
 * running control plane with a dashboard, an endpoint and receipts. Everything goes through the same API as any other
 * client; if the control plane dies meanwhile, it is started again and the loop goes on.
 */
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint, Pipeline } from '../protocol/entities.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { buildEnvironment, findUv, lockEnvironment } from '../runtimes/environments/index.ts';
import type { Client as FullClient } from './client.ts';
import { dataFolder } from './dataFolder.ts';
import { Display } from './demo/display.ts';
import { readGreyPng } from './demo/png.ts';
import { runProgram } from './demo/program.ts';
import { Supervisor, stopEverything } from './demo/supervisor.ts';
import { Traffic } from './demo/traffic.ts';
import { installation } from './installation.ts';

type Client = Pick<FullClient, 'call'>;

export interface StartOptions {
  /** End when the loop is done, instead of staying up. */
  exit: boolean;
  data?: string;
  port?: number;
}

/** Runs the demonstration; returns the exit status. @throws SlipwayError for what a person can mend */
export async function start(options: StartOptions): Promise<number> {
  const data = dataFolder(options.data, process.env, process.cwd());
  const { root } = installation();
  const example = join(root, 'resources', 'examples', 'digits');
  const display = new Display(process.stdout);
  const began = Date.now();
  display.title('Slipway: a model of handwritten digits, from its bytes to production');
  const interrupted = new AbortController();
  const supervisor = new Supervisor({ data, port: options.port ?? 0, signal: interrupted.signal });
  const interrupt = () =>
    interrupted.abort(new SlipwayError('start.interrupted', 'Interrupted.', 'npm start goes on where it stopped.'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await makeData(example, data, display, interrupted.signal);
    const client = await display.step('Control plane', async () => {
      const started = await supervisor.start();
      return { value: supervisor.client, detail: started.reused ? `${started.url} (was running)` : started.url };
    });
    await runLoop(client, { example, data, display, signal: interrupted.signal });
    await display.step('Endpoint', async () => {
      const endpoint = await readyEndpoint(client, interrupted.signal);
      return { value: undefined, detail: `${endpoint.url} serves ${servingVersion(endpoint)}` };
    });
    await report(client, data, display, began);
    if (options.exit) {
      display.line('Without --exit all of it stays up.');
      return 0;
    }
    display.line('Ctrl-C ends it; the next npm start uses what is cached.');
    await new Promise<void>((resolve) => interrupted.signal.addEventListener('abort', () => resolve()));
    return 0;
  } catch (error) {
    // What the interruption cut off says less than the interruption.
    throw interrupted.signal.aborted ? interrupted.signal.reason : error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    if (supervisor.isOwner) {
      display.line('Ending the control plane, the gateway and the model servers …');
      await supervisor.stop();
      await stopEverything(data);
    }
  }
}

/** The example's own environment and its data: real scans from scikit-learn, as image files. */
async function makeData(example: string, data: string, display: Display, signal: AbortSignal): Promise<void> {
  const root = join(data, 'environments');
  await mkdir(root, { recursive: true, mode: 0o700 });
  const environment = await display.step('Python environment', async (progress) => {
    const uv = await findUv({ root, env: process.env, onProgress: progress, signal });
    const context = { root, uv, folder: example, onProgress: progress, signal };
    const lock = await lockEnvironment(
      { requirements: await readFile(join(example, 'requirements.txt'), 'utf8') },
      context,
    );
    const built = await buildEnvironment(lock, context);
    const detail = `Python ${lock.python}, ${Object.keys(lock.packages).length} packages`;
    return { value: built, detail: `${detail}${built.cached ? ' (cached)' : ''}` };
  });
  await display.step('Digits data', async () => {
    const before = await countFiles(join(example, 'data'));
    if (before < 1797) await runProgram(environment.python, ['make_data.py'], example, signal);
    const files = await countFiles(join(example, 'data'));
    return { value: undefined, detail: `${files} scans${before === files ? ' (there already)' : ''}` };
  });
}

interface LoopContext {
  example: string;
  data: string;
  display: Display;
  signal: AbortSignal;
}

async function runLoop(client: Client, context: LoopContext): Promise<void> {
  const { example, display, signal } = context;
  const digest = await digestOfCode(example);
  await runPipeline(
    client,
    { title: 'First model', folder: example, search: false, requestId: `start-first-${digest}` },
    display,
    signal,
  );
  const traffic = new Traffic({
    client,
    endpoint: 'digits',
    tokenFile: join(context.data, 'token'),
    bodies: await requestBodies(example),
  });
  try {
    const better = { title: 'Better model', folder: example, search: true, requestId: `start-better-${digest}` };
    await runPipeline(client, better, display, signal, traffic);
  } finally {
    await traffic.stop();
  }
  if (traffic.sent > 0) display.done('Requests', `${traffic.sent} sent, ${traffic.failed} failed`);
  await display.step('Receipts', async () => {
    const head = await verifyReceipts(client, signal);
    return { value: undefined, detail: `${head.count} verified, head ${head.head.slice(0, 12)}` };
  });
}

interface PipelineRequest {
  title: string;
  folder: string;
  search: boolean;
  requestId: string;
}

/** Follows one pipeline to its end. The same request goes on with the same pipeline, also one that has ended. */
async function runPipeline(
  client: Client,
  request: PipelineRequest,
  display: Display,
  signal: AbortSignal,
  traffic?: Traffic,
): Promise<void> {
  const { title, ...body } = request;
  let pipeline = await client.call('startPipeline', { body });
  // An earlier attempt that failed is not the last word: the next one begins anew.
  for (let round = 1; pipeline.status === 'failed' && pipeline.endedAt! < Date.now() - 1000; round++) {
    pipeline = await client.call('startPipeline', { body: { ...body, requestId: `${request.requestId}-${round}` } });
  }
  const isOld = pipeline.status === 'succeeded';
  const shown = new Set<string>();
  for (;;) {
    for (const step of pipeline.steps) {
      if (shown.has(step.id)) continue;
      const label = stepLabel(step.id);
      if (step.status === 'done' || step.status === 'cached') {
        shown.add(step.id);
        const seconds = step.startedAt && step.endedAt ? (step.endedAt - step.startedAt) / 1000 : undefined;
        display.done(
          `${title}: ${label}`,
          `${step.detail}${step.status === 'cached' || isOld ? ' (cached)' : ''}`,
          isOld ? undefined : seconds,
        );
      } else if (step.status === 'running') {
        if (step.id === 'rollout') traffic?.start();
        display.progress(`${title}: ${label}`, await progressOf(client, step));
      }
    }
    if (pipeline.status !== 'running') break;
    await delay(150, undefined, { signal });
    pipeline = await client.call('getPipeline', { params: { id: pipeline.id } });
  }
  if (pipeline.status === 'succeeded') return;
  display.failed(title, pipeline.reason);
  throw new SlipwayError(
    'start.failed',
    `${title}: ${pipeline.reason}`,
    'The dashboard shows the logs; npm start tries again.',
  );
}

function stepLabel(id: string): string {
  return id.replace(/^stage:/, '').replace(/#\d+$/, ' again');
}

/** One line about what a running step is doing; a pipeline names what a step makes a moment before it is there. */
async function progressOf(client: Client, step: Pipeline['steps'][number]): Promise<string> {
  return detailOf(client, step).catch((error: unknown) => {
    if (error instanceof SlipwayError && error.status === 404) return '';
    throw error;
  });
}

async function detailOf(client: Client, step: Pipeline['steps'][number]): Promise<string> {
  if (!step.subject) return '';
  const params = { id: step.subject };
  const kind = step.id.split('#')[0];
  if (kind === 'train') {
    const run = await client.call('getRun', { params });
    const metric = run.objective?.metric;
    const value = metric === undefined ? undefined : run.metrics[metric];
    const epoch = run.epoch ? `epoch ${run.epoch.step}${run.epoch.total ? `/${run.epoch.total}` : ''}` : run.status;
    return value === undefined ? epoch : `${epoch} · ${metric} ${Number(value).toFixed(3)}`;
  }
  if (kind === 'sweep') {
    const { counts, trials, best } = await client.call('getSweep', { params });
    const over = counts.finished + counts.stoppedEarly + counts.failed;
    const value = best ? ` · best ${Number(best.value).toFixed(3)}` : '';
    return `${over}/${trials} trials${value} · ${counts.stoppedEarly} stopped early`;
  }
  if (kind === 'rollout') {
    const rollout = await client.call('getRollout', { params });
    const current = rollout.steps[rollout.step];
    const requests = current?.requests === undefined ? '' : ` · ${current.requests} of ${current.needed} requests`;
    return `${rollout.weight} % to ${rollout.to}${requests}`;
  }
  return '';
}

async function verifyReceipts(client: Client, signal: AbortSignal): Promise<{ count: number; head: string }> {
  let operation = await client.call('verifyReceipts', { body: { project: 'digits' } });
  while (operation.status === 'running') {
    await delay(100, undefined, { signal });
    operation = await client.call('getOperation', { params: { id: operation.id } });
    // A control plane that died meanwhile has left no verdict.
    if (operation.error?.code === 'operation.cutOff') return verifyReceipts(client, signal);
  }
  const result = operation.result as
    | { ok: boolean; count: number; heads: Record<string, string>; problems: { message: string }[] }
    | undefined;
  if (!result?.ok) {
    const why = operation.error?.message ?? result?.problems[0]?.message ?? 'unknown';
    throw new SlipwayError(
      'receipts.broken',
      `The receipts do not verify: ${why}`,
      'Run slipway receipts verify for the whole list.',
    );
  }
  return { count: result.count, head: result.heads['digits'] ?? '' };
}

const readyTimeoutMs = 60_000;

/** Waits until a replica of what is in production answers: after a restart the model servers start again. */
async function readyEndpoint(client: Client, signal: AbortSignal): Promise<Endpoint> {
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const endpoint = await client.call('getEndpoint', { params: { name: 'digits' } });
    if (endpoint.revisions.some((revision) => revision.weight > 0 && revision.ready > 0)) return endpoint;
    if (Date.now() > deadline) {
      throw new SlipwayError(
        'start.endpoint',
        'No model server became ready.',
        'The dashboard shows why; npm start tries again.',
      );
    }
    await delay(150, undefined, { signal });
  }
}

function servingVersion(endpoint: Endpoint): string {
  return endpoint.revisions
    .filter((revision) => revision.weight > 0)
    .map((revision) => revision.modelVersion)
    .join(', ');
}

async function report(client: Client, data: string, display: Display, began: number): Promise<void> {
  const endpoint = await client.call('getEndpoint', { params: { name: 'digits' } });
  const { url: dashboard } = await client.call('createTicket', { body: {} });
  display.line('');
  display.line(`Done in ${((Date.now() - began) / 1000).toFixed(0)} s. ${servingVersion(endpoint)} is in production.`);
  display.line('');
  display.line(`Dashboard   ${dashboard}`);
  display.line('            (opens once; a fresh address: npx slipway open)');
  display.line('Endpoint');
  display.line(`  curl -s ${endpoint.url}/predict \\`);
  display.line(`    -H "Authorization: Bearer $(cat '${join(data, 'token')}')" \\`);
  display.line(`    -H 'Content-Type: application/json' -d @${join(data, 'digits-request.json')}`);
  await writeFile(
    join(data, 'digits-request.json'),
    (await requestBodies(join(installation().root, 'resources', 'examples', 'digits')))[0]!,
  );
  display.line('Next');
  display.line('  npx slipway receipts list digits                what happened, and why');
  display.line(
    '  npx slipway sweep start                         in resources/examples/digits: look for a better model',
  );
  display.line('  Open resources/examples/digits in VS Code with the extension (see README).');
  display.line('');
}

/** What the example consists of, apart from its data: the same code is the same pipeline. */
async function digestOfCode(example: string): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(example, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  for (const name of names.sort()) hash.update(name).update(await readFile(join(example, name)));
  return hash.digest('hex').slice(0, 16);
}

async function countFiles(folder: string): Promise<number> {
  const present = await access(folder).then(
    () => true,
    () => false,
  );
  if (!present) return 0;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.png')).length;
}

/** A few real scans of each label as request bodies: 64 grey values from 0 to 16. */
async function requestBodies(example: string): Promise<string[]> {
  const bodies: string[] = [];
  for (const label of (await readdir(join(example, 'data'))).sort()) {
    const files = (await readdir(join(example, 'data', label))).filter((name) => name.endsWith('.png')).sort();
    for (const name of files.slice(0, 5)) {
      const pixels = readGreyPng(await readFile(join(example, 'data', label, name)));
      bodies.push(JSON.stringify({ instances: [[...pixels].map((value) => Math.round((value * 16) / 255))] }));
    }
  }
  return bodies;
}
