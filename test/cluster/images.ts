/**
 * The images of the test cluster, without a registry: a base by debootstrap, our own Dockerfiles on top by buildah, kept
 * as archives that each node imports.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, run } from '../run/process.ts';
import { cached, cacheRoot } from '../run/setup/cache.ts';
import type { ClusterPrograms } from '../run/setup/kubernetes.ts';
import { pauseImage } from './node.ts';

/** Debian with Python: what workloads of the tests run in. */
export const baseImage = 'slipway.test/python:bookworm';
/** The image of ours beside each workload, from resources/deploy/images/agent. */
export const agentImage = 'slipway.test/agent:test';

const agentSource = path.join(root, 'resources/deploy/images/agent');
const agentProgram = path.join(root, 'dist/agent/agent.js');

/** Archives to import, the base first: what is built on it shares its layers. */
export async function prepareImages(programs: ClusterPrograms): Promise<string[]> {
  const pause = await cached('image-pause-1', (target) => buildPause(programs.pause, target));
  const base = await cached('image-python-bookworm-1', buildBase);
  const archives = [path.join(pause, 'pause.tar'), path.join(base, 'base.tar')];
  if (!existsSync(path.join(agentSource, 'Dockerfile'))) return archives;
  const digest = createHash('sha256');
  for (const file of [agentProgram, path.join(agentSource, 'Dockerfile'), process.execPath])
    digest.update(readFileSync(file));
  const agent = await cached(`image-agent-${digest.digest('hex').slice(0, 12)}`, buildAgent);
  return [...archives, path.join(agent, 'agent.tar')];
}

async function buildBase(target: string): Promise<void> {
  const tree = path.join(target, 'tree');
  const packages = '--include=python3,python3-venv,python3-pip,ca-certificates,procps';
  await must(['debootstrap', '--variant=minbase', packages, 'bookworm', tree], 'debootstrap (about 2 min)');
  rmSync(path.join(tree, 'var/cache/apt'), { recursive: true, force: true });
  rmSync(path.join(tree, 'var/lib/apt/lists'), { recursive: true, force: true });
  const container = (await must(buildah('from', '--name', 'slipway-test-base', 'scratch'))).trim();
  try {
    await must(buildah('add', container, tree, '/'), 'copying the base image');
    await must(buildah('commit', container, baseImage), 'committing the base image');
  } finally {
    await must(buildah('rm', container));
  }
  rmSync(tree, { recursive: true });
  await must(buildah('push', baseImage, `docker-archive:${path.join(target, 'base.tar')}:${baseImage}`), 'base image');
}

async function buildPause(program: string, target: string): Promise<void> {
  const context = mkdtempSync(path.join(tmpdir(), 'slipway-image-'));
  cpSync(program, path.join(context, 'pause'));
  writeFileSync(
    path.join(context, 'Dockerfile'),
    'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n',
  );
  await build(context, [], pauseImage, path.join(target, 'pause.tar'));
}

async function buildAgent(target: string): Promise<void> {
  const context = mkdtempSync(path.join(tmpdir(), 'slipway-image-'));
  cpSync(agentSource, context, { recursive: true });
  cpSync(agentProgram, path.join(context, 'agent.js'));
  cpSync(process.execPath, path.join(context, 'node'));
  await build(context, ['--build-arg', `BASE=${baseImage}`], agentImage, path.join(target, 'agent.tar'));
}

async function build(context: string, args: string[], image: string, archive: string): Promise<void> {
  try {
    await must(buildah('bud', '--isolation', 'chroot', ...args, '--tag', image, context), `building ${image}`);
    await must(buildah('push', image, `docker-archive:${archive}:${image}`), `packing ${image}`);
  } finally {
    rmSync(context, { recursive: true });
  }
}

/** buildah with storage of its own: images of the person stay as they are. */
function buildah(...args: string[]): string[] {
  const storage = path.join(cacheRoot, 'buildah');
  mkdirSync(storage, { recursive: true });
  const options = [
    '--root',
    path.join(storage, 'root'),
    '--runroot',
    path.join(storage, 'run'),
    '--storage-driver',
    'overlay',
  ];
  const policy = path.join(storage, 'policy.json');
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const [command = '', ...rest] = args;
  const signed = ['push', 'from', 'bud'].includes(command) ? ['--signature-policy', policy] : [];
  return ['nice', '-n', '10', 'buildah', ...options, command, ...signed, ...rest];
}

async function must(argv: string[], progress = argv.slice(0, 5).join(' ')): Promise<string> {
  const ended = await run({ argv, progress, limitMs: 20 * 60_000 });
  if (ended.status !== 0) throw new Error(`'${argv.join(' ')}' failed:\n${ended.output.slice(-3000)}`);
  return ended.output;
}
