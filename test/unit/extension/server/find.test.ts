import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findServer } from '../../../../extension/server/find.ts';
import { parseServerFile } from '../../../../server/protocol/discovery.ts';

const file = { pid: process.pid, host: os.hostname(), startedAt: 1, url: 'http://127.0.0.1:1' };

describe('finding the control plane', () => {
  let folder: string;
  let server: Server;
  let ready = true;

  beforeEach(async () => {
    ready = true;
    folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-'));
    server = createServer((_, response) => {
      response.statusCode = ready ? 200 : 503;
      response.end(JSON.stringify({ protocol: { min: 1, max: 1 }, version: '1.0.0' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await writeFile(path.join(folder, 'token'), 'secret\n');
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  const write = (change: object) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return writeFile(path.join(folder, 'server.json'), JSON.stringify({ ...file, url, ...change }));
  };

  it('takes the address from server.json, the token from its file and the version from /readyz', async () => {
    await write({});
    const found = await findServer(folder);
    assert.equal(found?.token, 'secret');
    assert.equal(found?.version, '1.0.0');
  });

  it('finds none without a file, with a dead process, after a reboot, or while it is not ready', async () => {
    assert.equal(await findServer(folder), undefined);
    await write({ pid: 2 ** 22 + 1 });
    assert.equal(await findServer(folder), undefined);
    if (process.platform === 'linux') {
      await write({ bootId: 'another boot' });
      assert.equal(await findServer(folder), undefined);
    }
    await write({});
    ready = false;
    assert.equal(await findServer(folder), undefined);
  });

  it('says so when it runs on another machine that shares the folder', async () => {
    await write({ host: 'elsewhere' });
    await assert.rejects(findServer(folder), { code: 'server.otherHost' });
  });

  it('reads a half-written file as none', () => {
    assert.equal(parseServerFile('{"pid": 1'), undefined);
    assert.equal(parseServerFile('{"pid": "1"}'), undefined);
  });
});
