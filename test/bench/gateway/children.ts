// The processes of the gateway's benchmark. All of them are ended with it, also when it fails.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type GatewayStatistics, gatewayStatisticsSchema } from '../../../server/domain/rollout/counters.ts';
import { readOverSocket } from '../../integration/serving/gatewayHarness.ts';
import { root } from '../../run/process.ts';

export interface Child {
  process: ChildProcess;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

export interface GatewayChild extends Child {
  /** `http://HOST:PORT`. */
  url: string;
  statistics(): Promise<GatewayStatistics>;
  /** Resident memory in bytes. */
  residentBytes(): number;
}

const children = new Set<ChildProcess>();
process.on('exit', endAll);

/** Ends what is left. */
export function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

export function start(argv: string[], env: NodeJS.ProcessEnv = process.env): Child {
  const child = spawn(argv[0]!, argv.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return {
    process: child,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** A gateway as people run it: the built command, in a process of its own. */
export async function startGateway(folder: string, name: string): Promise<GatewayChild> {
  const admin = path.join(folder, `${name}.sock`);
  const program = path.join(root, 'dist/server/slipway.js');
  const routes = path.join(folder, 'routes.json');
  const options = ['--routes', routes, '--listen', '127.0.0.1:0', '--admin', admin];
  const child = start([process.execPath, program, 'gateway', ...options]);
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.process.once('exit', () => reject(new Error(`the gateway ended: ${said}`)));
    child.process.stdout!.on('data', (text) => {
      if (said.length < 10_000) said += text;
      const address = /"event":"listening","address":"([^"]+)"/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  return {
    ...child,
    url,
    statistics: async () => gatewayStatisticsSchema.parse(JSON.parse(await readOverSocket(admin, '/stats'))),
    residentBytes: () => {
      const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
    },
  };
}

/** The status of a GET over a Unix socket or a port; 0 without an answer. */
export function statusOf(target: { socketPath: string } | { port: number }, url: string): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', ...target, path: url, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(0));
  });
}

/** Waits for a condition. @throws Error that names it after a minute */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadlineMs) throw new Error(`still waiting after a minute: ${what}`);
    await delay(20);
  }
}
