// The control plane as the gateway knows it, `routesWriter.ts FOLDER`: whoever writes routes.json, by atomic rename. It
// follows fleet.json, which names the replicas and how often the weights should have changed by now, and moves the
// weights one step at a time. Its count stands in routes.json itself: killed at any moment, the next one goes on.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeAtomically } from '../../../server/runtimes/writeAtomically.ts';

export interface Fleet {
  /** Weight changes that should have happened. */
  changes: number;
  /** Sockets of the replicas of each revision. */
  revisions: Record<string, string[]>;
}

const [folder] = process.argv.slice(2) as [string];
/** So far apart that the gateway loads each of them. */
const pauseMs = 60;

const read = async <T>(name: string): Promise<T | undefined> => {
  const text = await readFile(path.join(folder, name), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as T);
};

let written = (await read<{ changes?: number }>('routes.json'))?.changes ?? 0;
let before = '';
for (;;) {
  const fleet = (await read<Fleet>('fleet.json'))!;
  if (written < fleet.changes) written++;
  // 5 % of the requests go to `own`; the rest is divided anew with each change.
  const canary = 5 + ((written * 37) % 86);
  const weights: Record<string, number> = { stable: 95 - canary, canary, own: 5 };
  const revisions = Object.entries(fleet.revisions).map(([name, sockets]) => ({
    ...{ name, weight: weights[name], receipt: `receipt-${name}` },
    replicas: sockets.map((socket) => ({ socket, ready: '/ready' })),
  }));
  const text = JSON.stringify({ changes: written, endpoints: { echo: { access: 'open', revisions } } });
  if (text !== before) await writeAtomically(path.join(folder, 'routes.json'), text);
  before = text;
  await delay(pauseMs);
}
