// The client commands against a real control plane, a process of its own, up to the receipts that it leaves.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FileStore } from '../../../server/objects/fileStore.ts';
import { runCli } from '../../unit/cli/memoryShell.ts';

const root = path.resolve(import.meta.dirname, '../../..');

describe('the command line with a control plane', () => {
  let place = '';
  let data = '';
  let server: ChildProcess | undefined;

  async function serve(): Promise<void> {
    const line = [path.join(root, 'server/cli/main.ts'), 'serve', '--data', data, '--json'];
    server = spawn(process.execPath, line, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [ready] = (await once(server.stdout!, 'data')) as [Buffer];
    assert.match(String(ready), /^\{"url":"http:/);
  }

  async function end(): Promise<void> {
    if (!server || server.exitCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit');
  }

  const slipway = (...line: string[]) => runCli(line, { cwd: place, env: { SLIPWAY_DATA: data } });

  async function json<T>(...line: string[]): Promise<T> {
    const { stdout, stderr, status } = await slipway(...line, '--json');
    assert.equal(status, 0, stderr || stdout);
    return JSON.parse(stdout) as T;
  }

  before(async () => {
    place = await mkdtemp(path.join(tmpdir(), 'slipway-cli-'));
    data = path.join(place, 'data');
    await mkdir(path.join(place, 'toys', 'a'), { recursive: true });
    await writeFile(path.join(place, 'toys', 'a', 'one.txt'), 'one');
    await writeFile(path.join(place, 'toys', 'two.txt'), 'two');
    await serve();
  });
  after(async () => {
    await end();
    const gateway = JSON.parse(
      await readFile(path.join(data, 'gateway', 'gateway.json'), 'utf8').catch(() => '{}'),
    ) as { pid?: number };
    if (gateway.pid) process.kill(gateway.pid);
    await rm(place, { recursive: true, force: true });
  });

  it('adds a dataset version and prints exactly the keys that are pinned', async () => {
    const added = await json<Record<string, unknown>>('dataset', 'add', 'toys', '--name', 'toys');
    const keys = ['dataset', 'version', 'digest', 'sha256', 'files', 'bytes', 'added', 'changed', 'removed', 'seconds'];
    assert.deepEqual(Object.keys(added), keys);
    assert.match(String(added['digest']), /^[0-9a-f]{32}\.dir$/);
    assert.deepEqual([added['version'], added['files'], added['bytes'], added['added']], [1, 2, 6, 2]);
  });

  it('follows a run to its end, also while the control plane is restarted, and tells how it ended', async () => {
    const script = 'i=0; while [ $i -lt 12 ]; do echo line $i; i=$((i+1)); sleep 0.25; done; exit 3';
    const followed = slipway('run', 'start', '--follow', '--', 'sh', '-c', script);
    let id = '';
    while (!id) {
      const { items } = await json<{ items: { id: string; status: string }[] }>('run', 'list');
      id = items.find(({ status }) => status === 'running')?.id ?? '';
    }
    await end();
    await serve();
    const { status, stdout, stderr } = await followed;
    assert.equal(status, 1);
    const lines = Array.from({ length: 12 }, (_, i) => `line ${i}\n`).join('');
    assert.ok(stdout.endsWith(lines), stdout);
    assert.match(stderr, /failed after .*Exit status 3/);
    assert.equal((await slipway('run', 'logs', id)).stdout, lines);
  });

  it('shows an error of the control plane with its hint', async () => {
    const { status, stderr } = await slipway('dataset', 'show', 'nothing');
    assert.equal(status, 1);
    assert.match(stderr, /^slipway: The dataset nothing does not exist\.\nhint: /);
  });

  it('exports receipts that hold by the key of the data folder', async () => {
    const file = path.join(place, 'receipts.jsonl');
    assert.equal((await slipway('receipts', 'export', '-o', file)).status, 0);
    assert.equal((await slipway('receipts', 'export')).stdout, await readFile(file, 'utf8'));
    const key = path.join(data, 'keys', 'receipts.pub.pem');
    assert.equal((await slipway('receipts', 'verify', file)).status, 3);
    assert.equal((await slipway('receipts', 'verify', file, '--key', key)).status, 0);
    assert.equal((await slipway('receipts', 'verify')).status, 0);
  });

  it('finds a damaged byte, with the control plane and without', async () => {
    const objects = new FileStore(path.join(data, 'objects'));
    const { digest } = await objects.put(Buffer.from('one'));
    const object = objects.localPath(digest);
    await chmod(object, 0o644);
    await writeFile(object, 'onf');
    for (const line of [
      ['dataset', 'verify', 'toys'],
      ['receipts', 'verify'],
    ]) {
      const { status, stdout } = await slipway(...line);
      assert.equal(status, 1);
      assert.ok(stdout.includes('toys/1 dataset:toys@v1: the file "a/one.txt"') && stdout.includes(object), stdout);
    }
    await end();
    assert.equal((await slipway('receipts', 'verify')).status, 1);
  });
});
