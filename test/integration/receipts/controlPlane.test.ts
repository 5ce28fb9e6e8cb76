// The client commands against a real control plane, a process of its own, up to the receipts that it leaves.
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FileStore } from '../../../server/objects/fileStore.ts';
import { runCli } from '../../unit/cli/memoryShell.ts';
import { makePlace, type Place, type Server } from '../loop/place.ts';

describe('the command line with a control plane', () => {
  let place: Place;
  let server: Server;

  const slipway = (...line: string[]) => runCli(line, { cwd: place.folder, env: { SLIPWAY_DATA: place.data } });

  async function json<T>(...line: string[]): Promise<T> {
    const { stdout, stderr, status } = await slipway(...line, '--json');
    assert.equal(status, 0, stderr || stdout);
    return JSON.parse(stdout) as T;
  }

  before(async () => {
    place = await makePlace();
    await mkdir(place.path('toys', 'a'), { recursive: true });
    await writeFile(place.path('toys', 'a', 'one.txt'), 'one');
    await writeFile(place.path('toys', 'two.txt'), 'two');
    // A folder of its own for the program: its code is captured.
    await mkdir(place.path('work'));
    await writeFile(
      place.path('work', 'work.sh'),
      'for i in 0 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.3; done; exit 3\n',
    );
    server = await place.serve();
  });
  after(() => place.close());

  it('adds a dataset version and prints exactly the keys that are pinned', async () => {
    const added = await json<Record<string, unknown>>('dataset', 'add', 'toys', '--name', 'toys');
    const keys = ['dataset', 'version', 'digest', 'sha256', 'files', 'bytes', 'added', 'changed', 'removed', 'seconds'];
    assert.deepEqual(Object.keys(added), keys);
    assert.match(String(added['digest']), /^[0-9a-f]{32}\.dir$/);
    assert.deepEqual([added['version'], added['files'], added['bytes'], added['added']], [1, 2, 6, 2]);
  });

  it('follows a run to its end, also while the control plane is restarted, and tells how it ended', async () => {
    const followed = slipway('run', 'start', '--folder', 'work', '--follow', '--', 'sh', 'work.sh');
    let id = '';
    while (!id) {
      const { items } = await json<{ items: { id: string; status: string }[] }>('run', 'list');
      id = items.find(({ status }) => status === 'running')?.id ?? '';
    }
    await server.stop();
    server = await place.serve();
    const { status, stdout, stderr } = await followed;
    assert.equal(status, 1);
    const lines = Array.from({ length: 10 }, (_, i) => `line ${i}\n`).join('');
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
    const file = place.path('receipts.jsonl');
    assert.equal((await slipway('receipts', 'export', '-o', file)).status, 0);
    assert.equal((await slipway('receipts', 'export')).stdout, await readFile(file, 'utf8'));
    const key = path.join(place.data, 'keys', 'receipts.pub.pem');
    assert.equal((await slipway('receipts', 'verify', file)).status, 3);
    assert.equal((await slipway('receipts', 'verify', file, '--key', key)).status, 0);
    assert.equal((await slipway('receipts', 'verify')).status, 0);
  });

  it('finds a damaged byte, with the control plane and without', async () => {
    const objects = new FileStore(path.join(place.data, 'objects'));
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
    await server.stop();
    assert.equal((await slipway('receipts', 'verify')).status, 1);
  });
});
