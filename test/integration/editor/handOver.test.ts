// The embedded control plane as windows of two builds of the extension start, find and replace it: real processes, the
// extension's own code, one data folder.
import assert from 'node:assert/strict';
import { access, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { createEmbeddedServer, type EmbeddedServer } from '../../../extension/server/embedded.ts';
import type { RunningServer } from '../../../extension/server/find.ts';
import { type Caller, caller, makePlace, type Place, processesOf, until } from '../loop/place.ts';
import { build, versionOf } from './builds.ts';

const waits = `
import os, sys, time
print("up", flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
print("down")
sys.exit(7)
`;

describe('the embedded control plane of two builds', function () {
  this.timeout(180_000);
  this.bail(true); // each test goes on where the one before ended
  const newer = '0.2.0-rc.1';
  let place: Place;
  /** What a window of each build holds. */
  let oldWindow: EmbeddedServer;
  let newWindow: EmbeddedServer;
  let older: string;
  let run: string;
  let call: Caller;

  const windowOf = (source: string, version: string) =>
    createEmbeddedServer({ folder: place.data, source, version, isDevelopment: false, log: () => {} });
  const serving = async () => (await processesOf(place.data)).filter((line) => / serve --data /.test(line));
  const gateways = async () => (await processesOf(place.data)).filter((line) => / gateway /.test(line));
  const isUp = async ({ pid }: RunningServer) => (await serving()).some((line) => line.startsWith(`${pid} `));

  before(async () => {
    place = await makePlace();
    const sourceOfOld = await build(place.path('old'), '0.1.0', []);
    older = await versionOf(sourceOfOld);
    const sourceOfNew = await build(place.path('new'), newer, [
      ['server/store/migrations.ts', '\n];', '\n  `CREATE TABLE later (id TEXT PRIMARY KEY)`,\n];'],
    ]);
    oldWindow = windowOf(sourceOfOld, older);
    newWindow = windowOf(sourceOfNew, newer);
  });
  after(() => place?.close());

  it('several windows that need one at the same moment start one, from a copy of its own', async () => {
    const found = await Promise.all([oldWindow.ensure(), oldWindow.ensure(), oldWindow.ensure()]);
    assert.equal(new Set(found.map(({ pid }) => pid)).size, 1);
    assert.equal(found[0].version, older);
    await until(async () => (await serving()).length === 1, 'the ones without the lock to end');
    const [line] = await serving();
    assert.ok(line!.includes(`${place.data}/versions/${older}/dist/server/slipway.js`), line);
    assert.notEqual(await readlink(`/proc/${found[0].pid}/cwd`), process.cwd());
    assert.deepEqual(await readdir(place.path('data', 'versions')), [older]);
  });

  it('a newer build has the older one hand over: it ends, the run and the gateway go on, and the new one adopts', async () => {
    const before = (await oldWindow.find())!;
    call = caller(before);
    await mkdir(place.path('code'));
    await writeFile(place.path('code', 'wait.py'), waits);
    const command = ['python', 'wait.py', place.path('go on')];
    run = (await call('startRun', { body: { folder: place.path('code'), command } })).id;
    await until(async () => (await call('readRunLogs', { params: { id: run } })).text.includes('up'), 'its first line');
    const { gateway } = await call('getInfo');
    const gatewaysBefore = await gateways();
    let isOver = false;
    let answers = 0;
    const failures: string[] = [];
    const asking = (async () => {
      while (!isOver) {
        const status = await fetch(`${gateway.url}/endpoints/nobody/`).then((answer) => answer.status, String);
        if (status === 404) answers++;
        else failures.push(String(status));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();

    // All windows are updated at once: the first asks, the others meet what comes after.
    const updated = Promise.all([newWindow.ensure(), newWindow.ensure(), newWindow.ensure()]);
    const found = await updated.finally(() => {
      isOver = true;
    });
    await asking;
    assert.equal(new Set(found.map(({ pid }) => pid)).size, 1);
    assert.equal(found[0].version, newer);
    assert.equal(await isUp(before), false);
    await until(async () => (await serving()).length === 1, 'one control plane');
    assert.deepEqual(failures, []);
    assert.ok(answers > 5, `${answers} answers`);
    assert.deepEqual(await gateways(), gatewaysBefore);
    assert.deepEqual((await readdir(place.path('data', 'versions'))).sort(), [older, newer]);
    assert.ok((await readFile(place.path('data', 'bin', 'slipway'), 'utf8')).includes(`versions/${newer}/`));
    call = caller(found[0]);
    assert.equal((await call('getRun', { params: { id: run } })).status, 'running');
    await access(place.path('data', 'slipway.db.schema-1')); // as it was before the migration
  });

  it('an older window uses the newer one as it is', async () => {
    const now = (await newWindow.find())!;
    assert.equal((await oldWindow.ensure()).pid, now.pid);
    assert.equal((await oldWindow.find())!.version, newer);
    assert.ok(await isUp(now));
  });

  it('who means the older one, after it is gone, does not end the one that came in its place', async () => {
    const now = (await newWindow.find())!;
    await assert.rejects(call('handOver', { body: { version: newer, pid: now.pid + 1 } }), {
      code: 'handover.another',
    });
    assert.equal((await newWindow.find())!.pid, now.pid);
  });

  it('an older build does not open the newer database: it says so, changes nothing, and the newer one goes on', async () => {
    const now = (await newWindow.find())!;
    process.kill(now.pid, 'SIGTERM');
    await until(async () => !(await isUp(now)), 'its end');
    await assert.rejects(oldWindow.ensure(), ({ code, message, hint }: Error & { code: string; hint: string }) => {
      assert.equal(code, 'store.newer');
      assert.match(message, /did not start: .*newer Slipway \(schema 2, this one knows 1\)/);
      assert.match(hint, /Update Slipway/);
      return true;
    });
    assert.equal(await oldWindow.find(), undefined);
    const again = await newWindow.ensure();
    assert.equal(again.version, newer);
    call = caller(again);
  });

  it('the run that all of this went over ends as it ended, once', async () => {
    await writeFile(place.path('go on'), '');
    const ended = await until(async () => {
      const now = await call('getRun', { params: { id: run } });
      return now.endedAt === undefined ? undefined : now;
    }, 'the run to end');
    assert.deepEqual([ended.status, ended.exitCode, ended.attempt], ['failed', 7, 1]);
    assert.equal((await call('readRunLogs', { params: { id: run } })).text, 'up\ndown\n');
  });
});
