// The S3 remote against a real MinIO, directly and through a proxy that breaks requests on purpose.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { FileStore, pullObjects, pushObjects, readS3Access, type S3Access } from '../../../server/objects/index.ts';
import { S3Remote } from '../../../server/objects/s3Remote.ts';
import { type Minio, minioProgram, objectsIn, startMinio } from './minio.ts';

/** What the proxy does with a request: null passes it on. */
type Fault = null | 'break' | { status: number; code: string };

const partBytes = 5 << 20;

describe('remote in S3', function () {
  this.timeout(120_000);
  let folder: string;
  let minio: Minio;
  let proxy: http.Server;
  let fault: (request: http.IncomingMessage) => Fault = () => null;
  const seen: string[] = [];

  before(async function () {
    if (!minioProgram) {
      console.log('      SLIPWAY_TEST_MINIO names no program');
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'slipway-s3-'));
    minio = await startMinio(join(folder, 'minio'));
    const target = new URL(minio.env['AWS_ENDPOINT_URL']!);
    proxy = http.createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const broken = fault(request);
      if (broken === 'break') {
        request.socket.destroy();
        return;
      }
      if (broken) {
        request.resume();
        response.writeHead(broken.status, { 'content-type': 'application/xml' });
        response.end(`<Error><Code>${broken.code}</Code><Message>on purpose</Message></Error>`);
        return;
      }
      const { method, url, headers } = request;
      const onward = http.request(
        { host: target.hostname, port: target.port, method, path: url, headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
  });
  after(async () => {
    proxy?.closeAllConnections();
    proxy?.close();
    await minio?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    fault = () => null;
    seen.length = 0;
  });

  const accessTo = (server: 'minio' | 'proxy'): S3Access => {
    const access = readS3Access(minio.env);
    if (server === 'minio') return access;
    return { ...access, endpoint: `http://127.0.0.1:${(proxy.address() as { port: number }).port}` };
  };
  const open = (prefix: string, access: () => S3Access = () => accessTo('proxy')) =>
    S3Remote.open({ address: `s3://data/${prefix}`, bucket: 'data', prefix, access, partBytes });
  async function stored(count: number, bytes = 100) {
    const store = new FileStore(mkdtempSync(join(folder, 'store-')));
    const digests: string[] = [];
    for (let i = 0; i < count; i++) digests.push((await store.put(randomBytes(bytes))).digest);
    return { store, digests };
  }

  it('goes on over 503s and broken connections, and every object arrives whole', async () => {
    const { store, digests } = await stored(60);
    let count = 0;
    const faults: Fault[] = [null, { status: 503, code: 'SlowDown' }, null, 'break', null];
    fault = () => faults[count++ % faults.length]!;
    const remote = await open('faults');
    const sent = await pushObjects(store, remote, digests, null);
    assert.equal(sent.objects, 60);
    const other = new FileStore(mkdtempSync(join(folder, 'store-')));
    await pullObjects(other, remote, digests);
    for (const digest of digests) assert.equal(await other.verify(digest), 'ok');
    remote.close();
  });

  it('takes expired credentials from their source again, and says so when they are still expired', async () => {
    const { store, digests } = await stored(3);
    let asked = 0;
    let isExpired = true;
    const access = () => {
      if (asked++ > 0) isExpired = false;
      return accessTo('proxy');
    };
    const expired: Fault = { status: 400, code: 'ExpiredToken' };
    fault = () => (isExpired ? expired : null);
    const remote = await open('expired', access);
    assert.equal((await pushObjects(store, remote, digests, null)).objects, 3);
    isExpired = true;
    fault = () => expired;
    const failed = remote.upload(digests[0]!, store.localPath(digests[0]!), 100);
    await assert.rejects(failed, { code: 'remote.credentials', message: /expired/ });
    remote.close();
  });

  it('sends large objects in parts, and after a break only the parts that are missing', async () => {
    const { store, digests } = await stored(1, 3 * partBytes + 17);
    const [digest] = digests;
    const parts = () => seen.filter((line) => /PUT .*partNumber=/.test(line)).length;
    const remote = await open('parts');
    const give = new AbortController();
    fault = (request) => {
      if (!/partNumber=4/.test(request.url ?? '')) return null;
      give.abort();
      return 'break';
    };
    await assert.rejects(remote.upload(digest!, store.localPath(digest!), 3 * partBytes + 17, give.signal));
    fault = () => null;
    assert.ok(parts() >= 3);
    seen.length = 0;
    await remote.upload(digest!, store.localPath(digest!), 3 * partBytes + 17);
    assert.ok(parts() < 4, `${parts()} parts were sent again`);
    const back = await buffer(await remote.download(digest!));
    assert.equal(createHash('md5').update(back).digest('hex'), digest);
    remote.close();
  });

  it('never writes over an object that is there, and refuses bytes that are not what their name says', async () => {
    const { store, digests } = await stored(1);
    const remote = await open('conditional');
    const key = `conditional/files/md5/${digests[0]!.slice(0, 2)}/${digests[0]!.slice(2)}`;
    await minio.client.putObject('data', key, 'what another has put there');
    await remote.upload(digests[0]!, store.localPath(digests[0]!), 100);
    const kept = await buffer(await minio.client.getObject('data', key));
    assert.equal(kept.toString(), 'what another has put there');
    const damagedFile = join(folder, 'damaged');
    writeFileSync(damagedFile, 'other bytes');
    await assert.rejects(remote.upload('0'.repeat(32), damagedFile, 11), { code: 'object.damaged' });
    assert.deepEqual(await objectsIn(minio, 'conditional/files/md5/00'), []);
    assert.deepEqual(await objectsIn(minio, 'conditional/slipway/'), []);
    remote.close();
  });

  it('knows what is there by few requests, in a large bucket and a small one', async () => {
    const { store, digests } = await stored(40);
    const remote = await open('large');
    await pushObjects(store, remote, digests, null);
    for (let i = 0; i < 30; i++)
      await minio.client.putObject('data', `large/files/md5/ff/${String(i).padStart(30, '0')}`, 'x');
    seen.length = 0;
    const absent = createHash('md5').update('absent').digest('hex');
    const present = await remote.present([...digests, absent]);
    assert.deepEqual([...present].sort(), [...digests].sort());
    assert.equal(seen.length, 1);
    remote.close();
  });
});
