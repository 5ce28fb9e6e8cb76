/**
 * The gateway's own statistics for the control plane and for Prometheus, on a Unix socket that only the owner opens.
 */
import http from 'node:http';
import type { GatewayStatistics } from '../domain/rollout/counters.ts';
import { LATENCY_BOUNDS_MS } from '../domain/rollout/histogram.ts';
import type { Statistics } from './statistics.ts';
import { replicasOf, type Table } from './table.ts';

export interface AdminContext {
  statistics: Statistics;
  table: Table;
  routes: GatewayStatistics['routes'];
}

/** A line of the stream comes at most this often. */
const STREAM_INTERVAL_MS = 250;

/**
 * The admin server, not listening yet: `/stats` (one line), `/stats/stream` (NDJSON: a line at once, then one for
 * each interval in which something changed), `/metrics` (Prometheus text format 0.0.4).
 */
export function createAdminServer(context: AdminContext): http.Server {
  return http.createServer((request, response) => {
    const path = request.url ?? '/';
    if (request.method !== 'GET') response.writeHead(405, { Allow: 'GET' }).end();
    else if (path === '/stats') sendText(response, 'application/json', `${JSON.stringify(snapshot(context, 0))}\n`);
    else if (path === '/stats/stream') streamStatistics(context, response);
    else if (path === '/metrics') sendText(response, 'text/plain; version=0.0.4', prometheusText(context));
    else response.writeHead(404).end();
  });
}

/** Everything counted so far, with the exceptions that came after a version of the statistics. */
export function snapshot({ statistics, table, routes }: AdminContext, sinceVersion: number): GatewayStatistics {
  const endpoints: GatewayStatistics['endpoints'] = {};
  for (const [name, { unanswered, samples, revisions }] of statistics.endpoints) {
    const routed = table.get(name)?.revisions ?? [];
    const entries = [...revisions].map(([revisionName, counted]) => {
      const { requests, errors, inFlight, latency, latencySumMs, shadow } = counted;
      const [failed, ...classes] = counted.statuses as [number, number, number, number, number, number];
      const replicas = routed.find((revision) => revision.name === revisionName)?.replicas ?? [];
      const value = {
        requests,
        errors,
        inFlight,
        latency: [...latency],
        latencySumMs,
        shadow: { ...shadow },
        statuses: {
          '1xx': classes[0],
          '2xx': classes[1],
          '3xx': classes[2],
          '4xx': classes[3],
          '5xx': classes[4],
          failed,
        },
        replicas: replicas.map(({ label, state }) => ({ address: label, state })),
      };
      return [revisionName, value] as const;
    });
    endpoints[name] = { unanswered, samples: { ...samples }, revisions: Object.fromEntries(entries) };
  }
  const { instance, startedAt } = statistics;
  const exceptions = statistics.exceptionsSince(sinceVersion);
  return { instance, startedAt, at: Date.now(), routes, endpoints, exceptions };
}

function streamStatistics(context: AdminContext, response: http.ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  let sentVersion = 0;
  let isBlocked = false;
  const send = () => {
    const since = sentVersion;
    sentVersion = context.statistics.version;
    // A reader that is too slow misses lines, not counts: they are cumulative.
    isBlocked = !response.write(`${JSON.stringify(snapshot(context, since))}\n`);
  };
  response.on('drain', () => {
    isBlocked = false;
  });
  send();
  const timer = setInterval(() => {
    if (!isBlocked && context.statistics.version !== sentVersion) send();
  }, STREAM_INTERVAL_MS);
  response.on('close', () => clearInterval(timer));
}

function sendText(response: http.ServerResponse, contentType: string, body: string): void {
  response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/** Every eighth bound of the histogram is a bucket of Prometheus: one an octave. */
const PROMETHEUS_STRIDE = 8;

/** The statistics in Prometheus' text format. */
export function prometheusText({ statistics, table, routes }: AdminContext): string {
  const requests: string[] = [];
  const errors: string[] = [];
  const inFlight: string[] = [];
  const latency: string[] = [];
  const unanswered: string[] = [];
  const samples: string[] = [];
  const shadow: string[] = [];
  for (const [endpoint, counted] of statistics.endpoints) {
    unanswered.push(`slipway_gateway_unanswered_total{endpoint="${endpoint}"} ${counted.unanswered}`);
    for (const outcome of ['taken', 'dropped'] as const) {
      samples.push(
        `slipway_gateway_samples_total{endpoint="${endpoint}",outcome="${outcome}"} ${counted.samples[outcome]}`,
      );
    }
    for (const [name, revision] of counted.revisions) {
      const labels = `endpoint="${endpoint}",revision="${escaped(name)}"`;
      for (const [index, status] of ['failed', '1xx', '2xx', '3xx', '4xx', '5xx'].entries()) {
        requests.push(`slipway_gateway_requests_total{${labels},status="${status}"} ${revision.statuses[index]}`);
      }
      for (const outcome of ['same', 'different', 'failed', 'dropped'] as const) {
        shadow.push(`slipway_gateway_shadow_total{${labels},outcome="${outcome}"} ${revision.shadow[outcome]}`);
      }
      errors.push(`slipway_gateway_errors_total{${labels}} ${revision.errors}`);
      inFlight.push(`slipway_gateway_requests_in_flight{${labels}} ${revision.inFlight}`);
      let sum = 0;
      for (const [bucket, count] of revision.latency.entries()) {
        sum += count;
        const boundMs = LATENCY_BOUNDS_MS[bucket];
        if (boundMs === undefined || bucket % PROMETHEUS_STRIDE !== 0) continue;
        latency.push(`slipway_gateway_latency_seconds_bucket{${labels},le="${boundMs / 1000}"} ${sum}`);
      }
      latency.push(`slipway_gateway_latency_seconds_bucket{${labels},le="+Inf"} ${sum}`);
      latency.push(`slipway_gateway_latency_seconds_sum{${labels}} ${revision.latencySumMs / 1000}`);
      latency.push(`slipway_gateway_latency_seconds_count{${labels}} ${sum}`);
    }
  }
  let ready = 0;
  let replicas = 0;
  for (const replica of replicasOf(table.endpoints())) {
    replicas++;
    if (replica.state === 'ready') ready++;
  }
  return [
    metric('requests_total', 'counter', 'Requests given to a revision, by class of status.', requests),
    metric('errors_total', 'counter', 'Answers of 5xx and transport failures.', errors),
    metric('unanswered_total', 'counter', 'Requests for which no replica was ready.', unanswered),
    metric('samples_total', 'counter', 'Requests kept as samples, and those that could not be.', samples),
    metric('shadow_total', 'counter', 'Copies of requests, by how the answer compared with the client’s.', shadow),
    metric('requests_in_flight', 'gauge', 'Requests not answered yet.', inFlight),
    metric('latency_seconds', 'histogram', 'Time to the head of the answer.', latency),
    metric('replicas', 'gauge', 'Replicas in the routes.', [`slipway_gateway_replicas ${replicas}`]),
    metric('replicas_ready', 'gauge', 'Replicas that are ready.', [`slipway_gateway_replicas_ready ${ready}`]),
    metric('routes_refused_total', 'counter', 'Routes files that were refused.', [
      `slipway_gateway_routes_refused_total ${routes.refused}`,
    ]),
  ].join('');
}

function metric(name: string, type: string, help: string, lines: readonly string[]): string {
  const full = `slipway_gateway_${name}`;
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function escaped(label: string): string {
  return label.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}
