import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Ended, endAll, placeOfSuite, type Server, until } from './place.ts';
import { verifyExport } from './secondVerifier.ts';

const steps = ['dataset', 'split', 'preprocess', 'train', 'sweep', 'validate', 'model', 'rollout'];

describe('the demonstration', () => {
  /** One data folder for all: what a test needs, the ones before it have made. */
  const place = placeOfSuite();

  describe('npm start', function () {
    this.timeout(240_000);
    it('interrupted in the middle it ends what it started, and breaks nothing', async () => {
      const running = place.spawn(['start', '--exit', '--data', place.data]);
      await until(async () => running.hasEnded() || /split/.test(running.said.stdout), 'the first steps');
      running.child.kill('SIGINT');
      const ended = await running.ended;
      assert.equal(ended.status, 1, told(ended));
      assert.match(ended.stderr, /goes on/);
      assert.deepEqual(await place.processes(), []);
    });

    it('after that it goes through the whole loop, shows each step, verifies the receipts, and leaves no process', async () => {
      const ended = await place.slipway(['start', '--exit', '--data', place.data]);
      assert.equal(ended.status, 0, told(ended));
      for (const step of steps)
        assert.match(ended.stdout, new RegExp(`✓ .*: ${step} `), `${step} is not shown:\n${ended.stdout}`);
      assert.match(ended.stdout, /✓ Receipts +\d+ verified, head [0-9a-f]{12}/);
      assert.match(ended.stdout, /✓ Requests +[1-9]\d* sent, 0 failed/);
      assert.match(ended.stdout, /Dashboard +http:\/\/127\.0\.0\.1:\d+\//);
      assert.match(ended.stdout, /curl /);
      assert.deepEqual(await place.processes(), []);
    });

    it('a second time it uses what is there and says so: nothing runs again', async () => {
      const before = await readdir(place.path('data', 'workloads'));
      const ended = await place.slipway(['start', '--exit', '--data', place.data]);
      assert.equal(ended.status, 0, told(ended));
      assert.match(ended.stdout, /✓ .*: train .*\(cached\)/);
      const isRun = (name: string) => /^[rsw]|^p.*-(train|sweep|validate)/.test(name);
      const after = await readdir(place.path('data', 'workloads'));
      assert.deepEqual(after.filter(isRun), before.filter(isRun));
    });
  });

  describe('receipts of npm start', function () {
    this.timeout(120_000);
    let server: Server;
    let keyid: string;
    let objects: string;

    before(async () => {
      objects = place.path('data', 'objects');
      server = await place.serve();
      keyid = (JSON.parse((await exported()).split('\n')[0]!) as { keys: { keyid: string }[] }).keys[0]!.keyid;
    });

    async function exported(): Promise<string> {
      const ended = await place.slipway(['receipts', 'export', '--data', place.data]);
      assert.equal(ended.status, 0, told(ended));
      return ended.stdout;
    }

    const verified = (...args: string[]) => place.slipway(['receipts', 'verify', ...args]);
    const verifiedHere = () => verified('--data', place.data);

    it('a second implementation agrees: the same receipts, the same heads, nothing wrong', async () => {
      const verdict = verifyExport(await exported(), keyid, objects);
      assert.deepEqual(verdict.problems, []);
      assert.ok(verdict.count > 10, `only ${verdict.count} receipts`);
      const ended = await verifiedHere();
      assert.equal(ended.status, 0, told(ended));
      assert.match(ended.stdout, new RegExp(verdict.heads['digits']!.slice(0, 12)));
    });

    it('anyone recomputes the digest of a dataset version in a shell', async () => {
      const to = place.path('checkout');
      const ended = await place.slipway(['dataset', 'checkout', 'digits', '--to', to, '--data', place.data]);
      assert.equal(ended.status, 0, told(ended));
      const script = 'find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
      const [sha256] = execFileSync('sh', ['-c', script], { cwd: to, encoding: 'utf8' }).split(' ');
      const version = await server.call('getDatasetVersion', { params: { name: 'digits', version: 'latest' } });
      assert.equal(sha256, version.sha256);
    });

    it('an export is verified by itself: 3 without a known key, 0 with it', async () => {
      const file = place.path('export.jsonl');
      await writeFile(file, await exported());
      const alone = await verified(file);
      assert.equal(alone.status, 3, told(alone));
      assert.match(alone.stdout, /signer not checked/);
      assert.equal((await verified(file, '--key', place.path('data', 'keys', 'receipts.pub.pem'))).status, 0);
      assert.equal((await verified(file, '--keyid', keyid)).status, 0);
      assert.equal((await verified(file, '--keyid', '0'.repeat(64))).status, 1);
    });

    it('a changed byte of an exported envelope, wherever it is, is found by both, and named', async () => {
      const text = await exported();
      const line = text.split('\n')[5]!;
      const { payload, signatures } = JSON.parse(line) as {
        payload: string;
        signatures: [{ keyid: string; sig: string }];
      };
      const [{ keyid: signer, sig }] = signatures;
      // The last letter of Base64 has bits that decode to nothing.
      const lastLetter = (base64: string) => line.indexOf(base64) + base64.replaceAll('=', '').length - 1;
      const places = {
        'the payload': line.indexOf(payload) + 200,
        'the last letter of the payload': lastLetter(payload),
        'the type': line.indexOf('in-toto'),
        'the key id': line.indexOf(signer) + 5,
        'the signature': line.indexOf(sig) + 10,
        'the last letter of the signature': lastLetter(sig),
        'the name of a field': line.indexOf('"signatures"') + 3,
      };
      const file = place.path('broken.jsonl');
      for (const [what, at] of Object.entries(places)) {
        const broken = flipped(Buffer.from(text), Buffer.byteLength(text.slice(0, text.indexOf(line))) + at);
        await writeFile(file, broken);
        const ended = await verified(file, '--keyid', keyid);
        assert.equal(ended.status, 1, `${what}: ${told(ended)}`);
        assert.match(told(ended), /\b[56]\b/, `${what}: the receipt, or its line, is named`);
        const { problems } = verifyExport(broken.toString(), keyid);
        assert.ok(problems.join('\n').includes('line 6'), `${what}: ${problems.join('\n')}`);
      }
    });

    it('a changed byte of a dataset object is found by both, and named', async () => {
      const { items } = await server.call('listDatasetFiles', { params: { name: 'digits', version: 'latest' } });
      const { path, md5 } = items[items.length >> 1]!;
      await withFlippedFile(join(objects, 'files', 'md5', md5.slice(0, 2), md5.slice(2)), async () => {
        const ended = await verifiedHere();
        assert.equal(ended.status, 1, told(ended));
        assert.ok(
          [path, md5].some((name) => told(ended).includes(name)),
          told(ended),
        );
        const dataset = await place.slipway(['dataset', 'verify', 'digits', '--data', place.data]);
        assert.equal(dataset.status, 1, told(dataset));
        assert.ok(
          [path, md5].some((name) => told(dataset).includes(name)),
          told(dataset),
        );
        const { problems } = verifyExport(await exported(), keyid, objects);
        assert.ok(
          problems.some((problem) => problem.includes(path)),
          problems.join('\n'),
        );
      });
    });

    it('a changed byte of a model file is found by both, and named', async () => {
      const version = await server.call('getModelVersion', { params: { name: 'digits', version: 'latest' } });
      const manifest = join(
        objects,
        'files',
        'md5',
        version.digests['md5']!.slice(0, 2),
        `${version.digests['md5']!.slice(2)}.dir`,
      );
      const [{ relpath, md5 }] = JSON.parse(await readFile(manifest, 'utf8')) as [{ relpath: string; md5: string }];
      await withFlippedFile(join(objects, 'files', 'md5', md5.slice(0, 2), md5.slice(2)), async () => {
        const ended = await verifiedHere();
        assert.equal(ended.status, 1, told(ended));
        assert.ok(
          [relpath, md5].some((name) => told(ended).includes(name)),
          told(ended),
        );
        const { problems } = verifyExport(await exported(), keyid, objects);
        assert.ok(
          problems.some((problem) => problem.includes(version.id)),
          problems.join('\n'),
        );
      });
    });

    it('a changed byte of a stored receipt is found by both, and named', async () => {
      const database = new DatabaseSync(place.path('data', 'slipway.db'));
      try {
        database.exec('PRAGMA busy_timeout = 5000');
        const { envelope } = database.prepare('SELECT envelope FROM receipt WHERE seq = 4').get() as {
          envelope: string;
        };
        const broken = flipped(Buffer.from(envelope), envelope.indexOf('"payload":"') + 300).toString();
        const write = database.prepare('UPDATE receipt SET envelope = ? WHERE seq = 4');
        write.run(broken);
        const ended = await verifiedHere();
        assert.equal(ended.status, 1, told(ended));
        assert.match(told(ended), /\b4\b/, 'the receipt is named by its number');
        assert.notDeepEqual(verifyExport(await exported(), keyid).problems, []);
        write.run(envelope);
      } finally {
        database.close();
      }
      assert.equal((await verifiedHere()).status, 0);
    });

    it('an endpoint that is deleted answers no more, its model servers end, and the receipts hold', async () => {
      const { url, revisions } = await until(async () => {
        const endpoint = await server.call('getEndpoint', { params: { name: 'digits' } });
        return endpoint.revisions.some((revision) => revision.ready > 0) && endpoint;
      }, 'the endpoint');
      const serving = revisions.find(({ weight }) => weight > 0)!.modelVersion;
      const refusal = await place.slipway(['model', 'delete', serving, '--yes', '--data', place.data]);
      assert.match(told(refusal), new RegExp(`The endpoint digits serves ${serving}`));
      const headers = { authorization: `Bearer ${server.token}` };
      assert.notEqual((await fetch(`${url}/ready`, { headers })).status, 404);
      const deleted = await place.slipway(['endpoint', 'delete', 'digits', '--yes', '--data', place.data]);
      assert.equal(deleted.status, 0, told(deleted));
      await until(async () => (await fetch(`${url}/ready`, { headers })).status === 404, 'the gateway to know no more');
      await until(
        async () => !(await place.processes()).some((line) => line.includes('/templates/')),
        'the model servers to end',
      );
      assert.deepEqual((await server.call('listEndpoints')).items, []);
      const ended = await verifiedHere();
      assert.equal(ended.status, 0, told(ended));
      assert.match(ended.stdout, /^endpoint:digits: deleted by digits\/\d+$/m);
      const gone = await place.slipway(['model', 'delete', serving, '--yes', '--data', place.data]);
      assert.equal(gone.status, 0, told(gone));
    });

    it('a damaged database file is told as such', async () => {
      await server.stop();
      await endAll(place.folder);
      const file = place.path('data', 'slipway.db');
      for (const name of ['slipway.db-wal', 'slipway.db-shm']) {
        assert.ok(!(await readdir(place.data)).includes(name), 'an ended control plane leaves one file');
      }
      const whole = await readFile(file);
      const pageBytes = whole.readUInt16BE(16);
      const half = Math.floor(whole.length / pageBytes / 2) * pageBytes;
      for (const [what, damaged] of [
        ['its head', Buffer.concat([Buffer.alloc(100, 0x5a), whole.subarray(100)])],
        [
          'a page in the middle',
          Buffer.concat([whole.subarray(0, half), Buffer.alloc(pageBytes, 0xa5), whole.subarray(half + pageBytes)]),
        ],
        ['its second half', whole.subarray(0, half)],
      ] as const) {
        await writeFile(file, damaged);
        const ended = await verifiedHere();
        assert.equal(ended.status, 1, `${what}: ${told(ended)}`);
        assert.match(ended.stderr, /database file .*slipway\.db is damaged/, what);
        assert.match(ended.stderr, /hint: /, what);
      }
      await writeFile(file, whole.subarray(half));
      const served = await place.slipway(['serve', '--data', place.data, '--port', '0']);
      assert.equal(served.status, 1, told(served));
      assert.match(served.stderr, /database file .*slipway\.db is damaged/);
      await writeFile(file, whole);
    });
  });
});

/** Changes the lowest bit of one byte; in Base64 that is another letter, or at least another byte. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

/** Objects are read-only: what changes one is a fault of the disk, or somebody who means to. */
async function withFlippedFile(path: string, work: () => Promise<void>): Promise<void> {
  const whole = await readFile(path);
  await chmod(path, 0o644);
  await writeFile(path, flipped(whole, whole.length >> 1));
  try {
    await work();
  } finally {
    await writeFile(path, whole);
    await chmod(path, 0o444);
  }
}

function told(ended: Ended): string {
  return `${ended.stdout}\n${ended.stderr}`;
}
