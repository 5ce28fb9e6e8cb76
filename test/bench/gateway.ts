// The gateway: how many of a million requests fail while everything around it changes, and how fast it is beside
// Debian's nginx. `npm run bench -- gateway [REQUESTS] [SECONDS of each measurement]`.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { childEnvironment, run } from '../run/process.ts';
import { preparePython } from '../run/setup/python.ts';
import { endAll } from './gateway/children.ts';
import { survival } from './gateway/survival.ts';
import { throughput } from './gateway/throughput.ts';
import { prepareTools } from './gateway/tools.ts';
import type { BenchRow } from './run.ts';

export default async function gateway([requests = '1000000', seconds = '4']: string[]): Promise<BenchRow[]> {
  const tools = await prepareTools();
  const python = (await preparePython())['SLIPWAY_TEST_PYTHON']!;
  const built = await run({ argv: ['node', 'esbuild.ts'], env: childEnvironment(), progress: 'building' });
  if (built.status !== 0) throw new Error(built.output);
  const folder = await mkdtemp(path.join(tmpdir(), 'slipway-bench-gw-'));
  try {
    const measured = Number(seconds) > 0 ? await throughput(folder, tools, python, Number(seconds)) : [];
    const survived = Number(requests) > 0 ? await survival(folder, Number(requests), python) : [];
    return [...measured, ...survived];
  } finally {
    endAll();
    await rm(folder, { recursive: true, force: true });
  }
}
