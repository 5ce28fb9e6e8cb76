// Requests through the gateway while everything around it changes: weights move, replicas drain, are restarted and are
// killed, and so is the process that writes the routes. Which requests failed, and which of those have an excuse.

import { writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeAtomically } from '../../../server/runtimes/writeAtomically.ts';
import { root } from '../../run/process.ts';
import type { BenchRow } from '../run.ts';
import { type Child, type GatewayChild, start, startGateway, statusOf, until } from './children.ts';
import type { Fleet } from './routesWriter.ts';
import { type Failure, sendTraffic } from './traffic.ts';

const weightChanges = 100;
/** Some more are asked for: two that follow each other at once may be loaded as one. */
const askedChanges = 120;
const writerKills = 5;
const connections = 32;
/** An answer to a request that was in flight when its replica was killed comes within this time. */
const excuseMs = 2_000;

type Kind = 'drains' | 'closes' | 'fastapi';

interface Replica {
  revision: string;
  kind: Kind;
  socket: string;
  child: Child;
}

/** @param python interpreter with FastAPI and uvicorn: one replica of each revision is Slipway's own model server */
export async function survival(folder: string, requests: number, python: string): Promise<BenchRow[]> {
  const fleet = new FleetOfReplicas(folder, python);
  await fleet.fill();
  let writer = fleet.startWriter();
  await until('the first routes', () => fleet.hasRoutes());
  const gateway = await startGateway(folder, 'survival');
  await until('ready replicas', () => fleet.isReady(gateway));

  const began = performance.now();
  const traffic = sendTraffic(Number(new URL(gateway.url).port), '/endpoints/echo', requests, connections);
  let isOver = false;
  const ended = traffic.done.then(() => {
    isOver = true;
  });
  const memory: number[] = [];
  let kills = 0;
  const pacing = (async () => {
    while (!isOver) {
      if (gateway.process.exitCode !== null) throw new Error('the gateway has ended');
      const progress = traffic.answered / requests;
      await fleet.write({ changes: Math.floor(progress * askedChanges) });
      memory.push(gateway.residentBytes());
      if (kills < writerKills && progress > (kills + 0.5) / writerKills) {
        kills++;
        await writer.end('SIGKILL');
        writer = fleet.startWriter();
      }
      await delay(200);
    }
  })();
  const disturbing = fleet.disturb(gateway, () => isOver);
  await Promise.race([ended, Promise.all([pacing, disturbing, ended])]);
  const seconds = (performance.now() - began) / 1000;
  await Promise.all([pacing, disturbing]);
  await fleet.write({ changes: askedChanges });
  await until('the last weights', async () => (await fleet.changesWritten()) === askedChanges);
  await until('the last routes', () => fleet.isReady(gateway));
  const { routes } = await gateway.statistics();
  await writer.end('SIGTERM');
  await gateway.end('SIGTERM');
  await fleet.end();
  return rowsOf(traffic, fleet, { requests, seconds, kills, loaded: routes.loaded - fleet.replicaChanges, memory });
}

class FleetOfReplicas {
  readonly #folder: string;
  readonly #python: string;
  readonly #replicas: Replica[] = [];
  readonly #fleet: Fleet = { changes: 0, revisions: {} };
  #sockets = 0;
  /** Changes of the routes that are not about weights: the first routes, and replicas that come and go. */
  replicaChanges = 0;
  readonly counts = { drained: 0, terminated: 0, restarted: 0, killed: 0, closed: 0 };
  /** Ends that may cost a POST: when, and of which revision. */
  readonly excuses: { atMs: number; revision: string; kind: 'killed' | 'closed' }[] = [];

  constructor(folder: string, python: string) {
    this.#folder = folder;
    this.#python = python;
  }

  async fill(): Promise<void> {
    const kinds: [string, Kind][] = [['own', 'closes']];
    for (const revision of ['stable', 'canary']) {
      for (const kind of ['drains', 'drains', 'fastapi'] as const) kinds.push([revision, kind]);
    }
    await Promise.all(kinds.map(([revision, kind]) => this.#add(revision, kind)));
    await this.write({});
  }

  startWriter(): Child {
    return start([process.execPath, path.join(import.meta.dirname, 'routesWriter.ts'), this.#folder]);
  }

  /** Tells the writer of the routes what should be. */
  async write(change: { changes?: number }): Promise<void> {
    const before = JSON.stringify(this.#fleet.revisions);
    Object.assign(this.#fleet, change);
    this.#fleet.revisions = {};
    for (const { revision, socket } of this.#replicas) {
      this.#fleet.revisions[revision] ??= [];
      this.#fleet.revisions[revision]!.push(socket);
    }
    if (JSON.stringify(this.#fleet.revisions) !== before) this.replicaChanges++;
    await writeAtomically(path.join(this.#folder, 'fleet.json'), JSON.stringify(this.#fleet));
  }

  async hasRoutes(): Promise<boolean> {
    return (await this.#routes()) !== undefined;
  }

  async changesWritten(): Promise<number | undefined> {
    return (await this.#routes())?.changes;
  }

  /** Whether the gateway has exactly the replicas of the fleet, all of them ready. */
  async isReady(gateway: GatewayChild): Promise<boolean> {
    const revisions = (await gateway.statistics()).endpoints['echo']?.revisions ?? {};
    const known = Object.values(revisions).flatMap(({ replicas }) => replicas);
    const addresses = new Set(this.#replicas.map(({ socket }) => `unix:${socket}`));
    return (
      known.length === addresses.size &&
      known.every(({ address, state }) => addresses.has(address) && state === 'ready')
    );
  }

  /** Replicas end in every way, one after the other: all others are ready meanwhile. */
  async disturb(gateway: GatewayChild, isOver: () => boolean): Promise<void> {
    const ways = ['drained', 'terminated', 'closed', 'restarted', 'killed'] as const;
    for (let turn = 0; !isOver(); turn++) {
      const way = ways[turn % ways.length]!;
      const candidates = this.#replicas.filter(({ kind }) => (kind === 'closes') === (way === 'closed'));
      const replica = candidates[Math.floor(turn / ways.length) % candidates.length]!;
      await this.#end(replica, way, gateway);
      this.counts[way]++;
      await until(`replicas after one was ${way}`, () => this.isReady(gateway));
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#replicas.map(({ child }) => child.end('SIGKILL')));
  }

  async #end(replica: Replica, way: keyof FleetOfReplicas['counts'], gateway: GatewayChild): Promise<void> {
    const { revision, kind, socket } = replica;
    if (way === 'drained') {
      // What a rollout does: the next one is ready and in the routes, the gateway knows, then the old one ends.
      await this.#add(revision, kind);
      this.#replicas.splice(this.#replicas.indexOf(replica), 1);
      await this.write({});
      await until('the routes without the drained replica', () => this.isReady(gateway));
      await replica.child.end('SIGTERM');
      return;
    }
    if (way === 'killed' || way === 'closed') this.excuses.push({ atMs: Date.now(), revision, kind: way });
    if (way === 'terminated') {
      // Nobody tells the gateway: it sees the replica drain, and a new one comes under another address.
      await replica.child.end('SIGTERM');
      this.#replicas.splice(this.#replicas.indexOf(replica), 1);
      await this.#add(revision, kind);
      await this.write({});
      return;
    }
    await replica.child.end(way === 'killed' ? 'SIGKILL' : 'SIGTERM');
    replica.child = await this.#launch(kind, socket);
  }

  async #add(revision: string, kind: Kind): Promise<void> {
    const socket = path.join(this.#folder, `${++this.#sockets}.sock`);
    this.#replicas.push({ revision, kind, socket, child: await this.#launch(kind, socket) });
  }

  async #launch(kind: Kind, socket: string): Promise<Child> {
    await rm(socket, { force: true });
    const here = import.meta.dirname;
    const server = path.join(root, 'resources/templates/fastapi/server.py');
    const entry = path.join(here, 'echo.py');
    const child =
      kind === 'fastapi'
        ? start([this.#python, server, '--socket', socket, '--entry', entry], {
            ...process.env,
            ...quiet(this.#folder),
          })
        : start([process.execPath, path.join(here, 'echo.ts'), socket, kind]);
    await until('a replica', async () => (await statusOf({ socketPath: socket }, '/ready')) === 200);
    return child;
  }

  async #routes(): Promise<{ changes: number } | undefined> {
    const text = await readFile(path.join(this.#folder, 'routes.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : JSON.parse(text);
  }
}

/** A log at the level of errors only: each drain says so, which is not for the benchmark's table. */
function quiet(folder: string): NodeJS.ProcessEnv {
  writeFileSync(path.join(folder, 'sitecustomize.py'), 'import logging\nlogging.disable(logging.INFO)\n');
  return { PYTHONPATH: folder };
}

interface Measured {
  requests: number;
  seconds: number;
  kills: number;
  loaded: number;
  memory: readonly number[];
}

function rowsOf(
  traffic: { answered: number; posts: number; failures: readonly Failure[] },
  fleet: FleetOfReplicas,
  { requests, seconds, kills, loaded, memory }: Measured,
): BenchRow[] {
  const excused = { killed: 0, closed: 0 };
  const failed: Failure[] = [];
  for (const failure of traffic.failures) {
    const excuse = fleet.excuses.find(
      ({ atMs, revision }) =>
        failure.method === 'POST' &&
        failure.status === 502 &&
        failure.message.includes(`(${revision}) took the request`) &&
        failure.atMs >= atMs &&
        failure.atMs < atMs + excuseMs,
    );
    if (excuse) excused[excuse.kind]++;
    else failed.push(failure);
  }
  for (const { method, status, message } of failed.slice(0, 10)) console.log(`failed: ${method} ${status} ${message}`);
  const { drained, terminated, restarted, killed, closed } = fleet.counts;
  const count = (name: string, value: number, atLeast: number): BenchRow => {
    return { name, value, unit: '', goal: `≥ ${atLeast}`, met: value >= atLeast };
  };
  const growth = memoryGrowth(memory);
  return [
    count('requests answered', traffic.answered, requests),
    { name: '… of them POST', value: traffic.posts, unit: '' },
    { name: 'failed', value: failed.length, unit: '', goal: '= 0', met: failed.length === 0 },
    { name: 'POSTs in flight on a replica killed by SIGKILL', value: excused.killed, unit: '' },
    { name: "POSTs on a user's own server that closes at once", value: excused.closed, unit: '' },
    count('weight changes that the gateway loaded', loaded, weightChanges),
    count("SIGKILLs of the routes' writer", kills, writerKills),
    count('replicas drained after leaving the routes', drained, 1),
    count('replicas ended by SIGTERM without notice', terminated, 1),
    count('replicas restarted', restarted, 1),
    count('replicas killed by SIGKILL', killed, 1),
    count('own servers ended by SIGTERM', closed, 1),
    { name: 'requests under these changes', value: Math.round(requests / seconds), unit: '1/s' },
    { name: "the gateway's memory: end ÷ first third", value: growth, unit: '', goal: '≤ 1.1', met: growth <= 1.1 },
  ];
}

/** The median of the last tenth over that of the first third's last half: what comes before is warming up. */
function memoryGrowth(samples: readonly number[]): number {
  const part = (from: number, to: number) => {
    const sorted = samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length));
    return sorted.toSorted((a, b) => a - b)[Math.floor(sorted.length / 2)]!;
  };
  return Number((part(0.9, 1) / part(1 / 6, 1 / 3)).toFixed(3));
}
