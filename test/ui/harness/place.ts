// What a UI test works on: a temporary folder of its own with the digits example in a copy, the data folder that the
// editor is told by its setting, and the control plane that the editor starts there, as programs reach it.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Rollout } from '../../../server/protocol/entities.ts';
import { type Caller, caller, endAll, ready } from '../../integration/loop/place.ts';
import { root } from '../../run/process.ts';

export interface Place {
  /** The project folder: a copy of the digits example. */
  project: string;
  /** Makes one more project folder beside it. */
  addProject(name: string, yaml: string): string;
  /** The control plane's data folder, and the editor's setting that names it. */
  data: string;
  machineSettings: Record<string, unknown>;
  /** The control plane that runs on the data folder, once it is ready. */
  server(): Promise<{ url: string; token: string; pid: number; call: Caller }>;
  /** Ends everything that belongs to the place, and removes it. */
  end(): Promise<void>;
}

/**
 * Makes a place anew.
 * @param edit changes the example's slipway.yaml
 */
export function makePlace(name: string, edit: (yaml: string) => string = (yaml) => yaml): Place {
  const example = path.join(root, 'resources/examples/digits');
  const yaml = edit(readFileSync(path.join(example, 'slipway.yaml'), 'utf8'));
  // Not below the checkout, whose .gitignore would leave the project's code out of its snapshots.
  const base = realpathSync(mkdtempSync(path.join(tmpdir(), `slipway-ui-${name}-`)));
  const project = path.join(base, 'digits');
  cpSync(example, project, { recursive: true });
  writeFileSync(path.join(project, 'slipway.yaml'), yaml);
  const data = path.join(base, 'data');
  return {
    project,
    data,
    machineSettings: { 'slipway.dataFolder': data },
    addProject(name, yaml) {
      const folder = path.join(base, name);
      mkdirSync(folder);
      writeFileSync(path.join(folder, 'slipway.yaml'), yaml);
      return folder;
    },
    async server() {
      const address = await ready(data);
      return { ...address, call: caller(address) };
    },
    async end() {
      await endAll(base);
      rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Replaces a part of a text that must be there. */
export function replaced(text: string, part: string, by: string): string {
  if (!text.includes(part)) throw new Error(`The example's slipway.yaml no longer has '${part}'.`);
  return text.replace(part, by);
}

/**
 * Sends predictions to an endpoint of the digits example until `isEnough`; none may fail.
 * @param isEnough asked between requests with the newest rollout
 */
export async function sendRequests(
  place: Place,
  endpoint: string,
  isEnough: (rollout: Rollout) => boolean,
): Promise<Rollout> {
  const { call, token } = await place.server();
  const { url } = await call('getEndpoint', { params: { name: endpoint } });
  const body = JSON.stringify({ instances: [Array.from({ length: 64 }, (_, pixel) => pixel % 17)] });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (;;) {
    const rollouts = (await call('listRollouts', { query: {} })).items.filter((item) => item.endpoint === endpoint);
    const newest = rollouts.sort((a, b) => b.createdAt - a.createdAt)[0]!;
    if (isEnough(newest)) return newest;
    for (let sent = 0; sent < 20; sent++) {
      const answer = await fetch(`${url}/predict`, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  }
}
