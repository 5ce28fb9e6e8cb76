import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Endpoint } from '../../protocol/entities.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import type { EndpointMonitor } from '../../protocol/monitors.ts';
import { unreachable } from '../client.ts';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { facts, numberText, paintStatus, table, timeText } from '../output.ts';
import { note, print, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';

const nameArgument = { name: 'NAME', help: 'The endpoint.' };

const list = command({
  name: 'endpoint list',
  summary: 'List the endpoints and what they serve.',
  options: { limit: limitOption },
  examples: ['slipway endpoint list'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { items, hasMore } = await readPages(options.limit, (query) => client.call('listEndpoints', { query }));
    show(shell, { items }, () => {
      const rows = items.map((it) => [it.name, it.access, servingText(it), it.rollout ?? '–', it.url]);
      return (
        table(shell, ['NAME', 'ACCESS', 'SERVES', 'ROLLOUT', 'URL'], rows, 'No endpoints yet.') + moreText(hasMore)
      );
    });
    return 0;
  },
});

function servingText({ revisions }: Endpoint): string {
  const serving = revisions.filter((revision) => revision.weight > 0);
  return serving.map(({ name, weight }) => `${name} ${weight} %`).join(', ') || 'nothing';
}

const showEndpoint = command({
  name: 'endpoint show',
  summary: 'Show an endpoint with its revisions, traffic, drift and latest errors.',
  arguments: [nameArgument],
  options: {},
  examples: ['slipway endpoint show digits'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    const params = { name: args[0]! };
    const endpoint = await client.call('getEndpoint', { params });
    const monitor = await client.call('getMonitor', { params }).catch((error: unknown) => {
      if (error instanceof SlipwayError && error.code === 'monitors.unknown') return null;
      throw error;
    });
    show(shell, { ...endpoint, monitor }, (it) => describe(shell, it, monitor));
    return 0;
  },
});

function describe(shell: Shell, it: Endpoint, monitor: EndpointMonitor | null): string {
  const head = ['REVISION', 'WEIGHT', 'STATUS', 'READY', 'REQUESTS', 'ERRORS', 'PER S', 'P50 MS', 'P95 MS', 'REASON'];
  const rows = it.revisions.map((revision) => [
    revision.name,
    `${revision.weight} %`,
    paintStatus(shell, revision.status),
    `${revision.ready}/${revision.replicas}`,
    String(revision.requests),
    String(revision.errors),
    numberText(revision.requestsPerSecond),
    numberText(revision.p50Ms),
    numberText(revision.p95Ms),
    revision.reason,
  ]);
  const errors = it.recentErrors.map(({ at, status, revision, requestId, message }) => {
    return `  ${timeText(at)} ${status} ${revision} ${requestId} ${message}`;
  });
  const title = facts([
    ['endpoint', it.name],
    ['url', it.url],
    ['access', it.access],
    ['model', it.model],
    ['rollout', it.rollout],
  ]);
  const sections = [title, table(shell, head, rows, 'No revisions.'), driftText(monitor)];
  if (errors.length > 0) sections.push(`Latest errors:\n${errors.join('\n')}`);
  return sections.join('\n\n');
}

function driftText(monitor: EndpointMonitor | null): string {
  if (!monitor) return 'Drift: nothing is sampled. Add monitor: { sample: { rate: 0.1 }, drift: {} } to slipway.yaml.';
  const { window, proposal, endpoint, alarms } = monitor;
  const lines = [
    window
      ? `Drift: ${window.verdict} · ${window.reason} (window until ${timeText(window.to)}, false-alarm rate ${window.falseAlarmRate}, alarms so far ${alarms})`
      : 'Drift: the first window is not over yet.',
  ];
  if (proposal) {
    lines.push(`Proposal ${proposal.id}: ${proposal.reason}`);
    lines.push(
      proposal.kind === 'retrain'
        ? `  Retrain or not: POST /api/v1/endpoints/${endpoint}/proposal {"proposal":"${proposal.id}","accept":true}, or the endpoint's page.`
        : `  ${proposal.missing} labels are missing: POST /api/v1/endpoints/${endpoint}/feedback {"requestId","label"}.`,
    );
  }
  const running = monitor.retrainings.find(({ endedAt }) => endedAt === null);
  if (running) lines.push(`Retraining ${running.id} is running: pipeline ${running.pipeline ?? '–'}.`);
  return lines.join('\n');
}

const invoke = command({
  name: 'endpoint invoke',
  summary: 'Send a request to an endpoint and print the answer.',
  details:
    'The body of the answer goes to stdout; status, revision, receipt and request id go to stderr. With --json all of it is the result.\nHere --data is the body: the data folder is named by $SLIPWAY_DATA.',
  arguments: [nameArgument],
  options: {
    data: { type: 'string', value: 'JSON|@FILE', help: 'The body, or @ and the file that it stands in.' },
    path: { type: 'string', value: 'PATH', help: 'The path below the endpoint (default: /predict).' },
    method: { type: 'string', value: 'METHOD', help: 'The method (default: POST with a body, else GET).' },
    'content-type': { type: 'string', value: 'TYPE', help: 'The type of the body (default: application/json).' },
  },
  examples: [
    'slipway endpoint invoke digits --data \'{"instances": [[0, 1, 2]]}\'',
    'slipway endpoint invoke digits --data @request.json',
    'slipway endpoint invoke digits --path /ready',
  ],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const contentType = options['content-type'] ?? 'application/json';
    const body = options.data === undefined ? undefined : await readBody(options.data, contentType, shell);
    const client = await connect(target, shell);
    const { url } = await client.call('getEndpoint', { params: { name: args[0]! } });
    const address = `${url.replace(/\/+$/, '')}/${(options.path ?? '/predict').replace(/^\/+/, '')}`;
    const response = await fetch(address, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        authorization: `Bearer ${client.address.token}`,
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      body: body ?? null,
      signal: shell.signal,
    }).catch((error: Error) => {
      throw shell.signal.aborted ? error : unreachable(address, error);
    });
    await showAnswer(response, shell);
    return response.ok ? 0 : 1;
  },
});

async function readBody(data: string, contentType: string, shell: Shell): Promise<Uint8Array<ArrayBuffer>> {
  if (data.startsWith('@')) {
    const path = resolve(shell.cwd, data.slice(1));
    return readFile(path).catch((error: Error) => {
      throw new SlipwayError(
        'client.data',
        `The body ${path} cannot be read: ${error.message}`,
        'Check the path after @.',
      );
    });
  }
  if (/\bjson\b/.test(contentType) && !isJson(data)) {
    throw usageError(
      'endpoint invoke: --data is not JSON',
      'Quote it for the shell, or write it to a file and give --data @FILE.',
    );
  }
  return Buffer.from(data);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function showAnswer(response: Response, shell: Shell): Promise<void> {
  const header = (name: string) => response.headers.get(name) ?? undefined;
  const facts = {
    status: response.status,
    revision: header('x-slipway-revision'),
    receipt: header('x-slipway-receipt'),
    requestId: header('x-request-id'),
  };
  const bytes = Buffer.from(await response.arrayBuffer());
  if (shell.json) {
    const text = bytes.toString('utf8');
    print(shell, JSON.stringify({ ...facts, body: isJson(text) ? JSON.parse(text) : text }));
    return;
  }
  shell.stdout.write(bytes);
  if (shell.stdout.isTTY && bytes.at(-1) !== 0x0a) shell.stdout.write('\n');
  const shown = Object.entries(facts).filter(([, value]) => value !== undefined);
  note(shell, shown.map(([name, value]) => `${name} ${value}`).join(' · '));
}

const remove = command({
  name: 'endpoint delete',
  summary: 'End the traffic of an endpoint and its model servers; the model versions stay.',
  arguments: [nameArgument],
  options: { yes: yesOption },
  examples: ['slipway endpoint delete digits'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    if (!(await confirmDeletion(client, `endpoint:${args[0]}`, options, shell))) return 1;
    await client.call('deleteEndpoint', { params: { name: args[0]! } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

export const commands = [list, showEndpoint, invoke, remove];
