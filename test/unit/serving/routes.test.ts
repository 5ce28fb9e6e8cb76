import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseListenAddress } from '../../../server/serving/address.ts';
import { readRoutes } from '../../../server/serving/routes.ts';

describe('routes file', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-routes-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (content: unknown) => {
    const file = path.join(folder, 'routes.json');
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return readRoutes(file);
  };
  const endpoint = (changes: object, replica: object = { url: 'http://127.0.0.1:9001', ready: '/ready' }) => ({
    endpoints: {
      digits: {
        access: 'open',
        revisions: [{ name: 'v5', weight: 95, receipt: 'ID', replicas: [replica] }],
        ...changes,
      },
    },
  });

  it('reads replicas by url and by socket, with secrets from their files', async () => {
    await writeFile(path.join(folder, 'secret'), 's3cret\n');
    const [route] = await read(endpoint({}, { socket: '/run/a.sock', secretFile: 'secret' }));
    assert.deepEqual(route?.revisions[0]?.replicas, [
      { address: { socket: '/run/a.sock' }, readyPath: null, secret: 's3cret' },
    ]);
    const [byUrl] = await read(endpoint({}));
    assert.deepEqual(byUrl?.revisions[0]?.replicas[0]?.address, { host: '127.0.0.1', port: 9001 });
  });

  it('keeps an endpoint private unless it says open, and then needs its token', async () => {
    await assert.rejects(read(endpoint({ access: undefined })), /a private endpoint needs "tokenFile"/);
    await writeFile(path.join(folder, 'token'), 'abc');
    const [route] = await read(endpoint({ access: undefined, tokenFile: 'token' }));
    assert.equal(route?.token, 'abc');
  });

  it('refuses what it cannot serve, naming the place', async () => {
    await assert.rejects(read('{'), { code: 'routes.invalid' });
    await assert.rejects(read({}), /endpoints/);
    await assert.rejects(read({ endpoints: { Bad_Name: { access: 'open', revisions: [] } } }), {
      code: 'routes.invalid',
    });
    await assert.rejects(read(endpoint({}, { url: 'https://a/' })), /not of the form http:\/\/HOST:PORT/);
    await assert.rejects(read(endpoint({}, {})), /either "url" or "socket"/);
    await assert.rejects(read(endpoint({}, { socket: '/a', secretFile: 'none' })), /none cannot be read/);
    await assert.rejects(
      read(endpoint({ revisions: [{ name: 'v5', weight: -1, replicas: [] }] })),
      /revisions\.0\.weight/,
    );
    await assert.rejects(readRoutes(path.join(folder, 'missing.json')), { code: 'routes.unreadable' });
  });
});

describe('listen address', () => {
  it('is HOST:PORT, [IPV6]:PORT or unix:PATH', () => {
    assert.deepEqual(parseListenAddress('127.0.0.1:80'), { host: '127.0.0.1', port: 80 });
    assert.deepEqual(parseListenAddress('[::1]:0'), { host: '::1', port: 0 });
    assert.deepEqual(parseListenAddress('unix:/run/a.sock'), { path: '/run/a.sock' });
    for (const bad of ['80', '127.0.0.1', '127.0.0.1:70000', '::1:80', 'http://a:1']) {
      assert.throws(() => parseListenAddress(bad), { code: 'listen.invalid' }, bad);
    }
  });

  it('refuses a socket path that macOS would not take', () => {
    assert.doesNotThrow(() => parseListenAddress(`unix:/${'a'.repeat(102)}`));
    assert.throws(() => parseListenAddress(`unix:/${'a'.repeat(103)}`), { code: 'listen.socketPathTooLong' });
  });
});
