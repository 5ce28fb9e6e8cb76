/** What `/metrics` shows, in Prometheus' text format 0.0.4. */
export class RequestCounts {
  readonly #counts = new Map<string, { operation: string; status: number; count: number }>();

  /** @param operation from a fixed list, so that the number of series stays bounded */
  add(operation: string, status: number): void {
    const key = `${operation} ${status}`;
    const entry = this.#counts.get(key);
    if (entry) entry.count++;
    else this.#counts.set(key, { operation, status, count: 1 });
  }

  get entries(): { operation: string; status: number; count: number }[] {
    return [...this.#counts.values()];
  }
}

export interface Figures {
  version: string;
  startedAtMs: number;
  requests: RequestCounts;
  requestsUnderWay: number;
  sockets: number;
  subscriptions: number;
  bufferedBytes: number;
  isGatewayReady: boolean;
}

export const prometheusMediaType = 'text/plain; version=0.0.4; charset=utf-8';

export function prometheusText(figures: Figures): string {
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  const metrics: [name: string, type: string, help: string, samples: [labels: string, value: number][]][] = [
    ['slipway_info', 'gauge', 'Version of the control plane.', [[`{version="${figures.version}"}`, 1]]],
    ['process_resident_memory_bytes', 'gauge', 'Resident memory.', [['', memory.rss]]],
    ['process_heap_bytes', 'gauge', 'Heap of JavaScript objects in use.', [['', memory.heapUsed]]],
    ['process_cpu_seconds_total', 'counter', 'CPU time, user and system.', [['', (cpu.user + cpu.system) / 1e6]]],
    ['process_start_time_seconds', 'gauge', 'Start, seconds since 1970.', [['', figures.startedAtMs / 1000]]],
    [
      'slipway_requests_total',
      'counter',
      'Requests answered, by operation and status.',
      figures.requests.entries.map(({ operation, status, count }) => [
        `{operation="${operation}",status="${status}"}`,
        count,
      ]),
    ],
    ['slipway_requests_under_way', 'gauge', 'Requests not answered yet.', [['', figures.requestsUnderWay]]],
    ['slipway_websockets', 'gauge', 'Open WebSockets.', [['', figures.sockets]]],
    ['slipway_subscriptions', 'gauge', 'Subscriptions of open WebSockets.', [['', figures.subscriptions]]],
    ['slipway_websocket_buffered_bytes', 'gauge', 'Bytes that wait for their readers.', [['', figures.bufferedBytes]]],
    ['slipway_gateway_ready', 'gauge', '1 if the gateway takes requests.', [['', figures.isGatewayReady ? 1 : 0]]],
  ];
  return metrics
    .map(([name, type, help, samples]) => {
      const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`).join('');
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines}`;
    })
    .join('');
}
