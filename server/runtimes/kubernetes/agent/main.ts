/**
 * Our container beside the user's. `prepare` runs before the work: the folder both share, the launcher, and the log so far
 * where a pod is replaced. `ship` runs beside it and outlives it: it serves the log and ports on the pod's loopback, and
 * brings the log to the object store while it is written and once more at the end.
 */
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { Artifacts, storeSchema } from '../artifacts.ts';
import { launcherScript } from '../launcher.ts';
import { launcherPath, logPath, sharedFolder } from '../names.ts';
import { serve } from './serve.ts';
import { LogShipper } from './shipper.ts';

const storeFile = '/var/run/slipway-store/store.json';

async function prepare(id: string, artifacts: Artifacts | undefined): Promise<void> {
  for (const name of ['run', 'home', 'work']) await mkdir(`${sharedFolder}/${name}`, { recursive: true });
  await writeFile(launcherPath, launcherScript);
  await chmod(launcherPath, 0o755);
  await writeFile(logPath, '');
  let offset = 0;
  for (const part of (await artifacts?.logParts(id)) ?? []) {
    for await (const bytes of artifacts!.readPart(part, offset)) {
      await appendFile(logPath, bytes);
      offset += bytes.length;
    }
  }
}

async function ship(id: string, artifacts: Artifacts | undefined): Promise<void> {
  const shipper = new LogShipper(id, logPath, artifacts);
  // The kubelet ends this container last: the signal says that the work is over.
  const isOver = new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()));
  const server = await serve(Number(process.env['SLIPWAY_AGENT_PORT']), logPath, isOver);
  await shipper.follow(isOver);
  server.close();
  await shipper.finish();
}

const id = process.env['SLIPWAY_WORKLOAD'] ?? '';
const artifacts = existsSync(storeFile)
  ? new Artifacts(storeSchema.parse(JSON.parse(await readFile(storeFile, 'utf8'))))
  : undefined;
const commands: Record<string, () => Promise<void>> = {
  prepare: () => prepare(id, artifacts),
  ship: () => ship(id, artifacts),
};
const command = commands[process.argv[2] ?? ''];
if (!command) throw new Error('usage: slipway-agent prepare|ship');
await command();
process.exit(0); // readers that are slow do not hold the pod
