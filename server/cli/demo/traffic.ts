import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../client.ts';

export interface TrafficOptions {
  client: Pick<Client, 'call'>;
  endpoint: string;
  tokenFile: string;
  /** Request bodies, sent in turn. */
  bodies: string[];
}

const senders = 8;
const maxRequests = 50_000;

/** Real requests through the gateway while a rollout needs evidence. Bounded, and counted honestly. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: senders });
  #running: Promise<void>[] = [];
  #isStopping = false;
  sent = 0;
  failed = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /** Begins to send; a second call changes nothing. */
  start(): void {
    if (this.#running.length > 0) return;
    const ready = this.#target();
    this.#running = Array.from({ length: senders }, async (_, first) => {
      const target = await ready;
      for (let i = first; !this.#isStopping && this.sent < maxRequests; i++) {
        const isAnswered = await this.#send(target, this.#options.bodies[i % this.#options.bodies.length]!);
        this.sent++;
        if (isAnswered) continue;
        this.failed++;
        await delay(50);
      }
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
  }

  async #target(): Promise<{ url: URL; token: string }> {
    const { client, endpoint, tokenFile } = this.#options;
    const { url } = await client.call('getEndpoint', { params: { name: endpoint } });
    return { url: new URL(`${url}/predict`), token: (await readFile(tokenFile, 'utf8')).trim() };
  }

  #send({ url, token }: { url: URL; token: string }, body: string): Promise<boolean> {
    return new Promise((resolve) => {
      const headers = {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      };
      const asked = request(url, { method: 'POST', agent: this.#agent, headers, timeout: 30_000 }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode === 200));
        response.on('error', () => resolve(false));
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', () => resolve(false));
      asked.end(body);
    });
  }
}
