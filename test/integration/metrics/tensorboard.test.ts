import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { startTensorBoard, type TensorBoard } from '../../../server/metrics/tensorboard.ts';
import { eventFile, scalarEvent, versionEvent } from '../../unit/metrics/eventWriter.ts';
import { requirePython, TEST_PYTHON } from './python.ts';

describe('startTensorBoard', function () {
  this.timeout(120_000);
  let logdir: string;
  let board: TensorBoard | undefined;
  beforeEach(() => {
    logdir = mkdtempSync(path.join(os.tmpdir(), 'slipway-board-'));
  });
  afterEach(async () => {
    await board?.stop();
    board = undefined;
    rmSync(logdir, { recursive: true, force: true });
  });

  const command = () => [TEST_PYTHON!, '-m', 'tensorboard.main'];
  const file = () => path.join(logdir, 'events.out.tfevents.1.host');
  const runFolders = () => readdirSync(os.tmpdir()).filter((name) => name.startsWith('slipway-tensorboard-'));

  describe('with the real TensorBoard', () => {
    before(function () {
      requirePython(this);
    });

    it('shows the named runs, and what is written to them later', async () => {
      writeFileSync(file(), eventFile(versionEvent(), scalarEvent('loss', 0, 0.5)));
      const logdirs = [
        { name: 'digits/run 1, a:b', path: logdir },
        { name: 'other', path: logdir },
      ];
      board = await startTensorBoard({ command: command(), logdirs, reloadSeconds: 1 });
      assert.equal(board.url, `http://127.0.0.1:${board.port}/`);
      const run = encodeURIComponent('digits/run 1, a:b');
      const points = `${board.url}data/plugin/scalars/scalars?tag=loss&run=${run}`;
      await until(points, (list) => list?.length === 1);
      appendFileSync(file(), eventFile(scalarEvent('loss', 1, 0.25)));
      const list = await until(points, (now) => now?.length === 2);
      assert.deepEqual(
        list.map(([, step, value]) => [step, value]),
        [
          [0, 0.5],
          [1, 0.25],
        ],
      );
    });

    it('works behind a proxy that strips a prefix', async () => {
      writeFileSync(file(), eventFile(versionEvent(), scalarEvent('loss', 0, 0.5)));
      board = await startTensorBoard({ command: command(), logdirs: [{ name: 'run', path: logdir }] });
      const { url } = board;
      const proxy = http.createServer((request, response) => {
        if (!request.url?.startsWith('/scope/')) return response.writeHead(404).end();
        http.get(new URL(request.url.slice('/scope/'.length), url), (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        });
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
      try {
        const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/scope/`;
        const page = await (await fetch(base)).text();
        const script = /<script[^>]* src="([^"]+)"/.exec(page)?.[1];
        const code = await fetch(new URL(script!, base));
        assert.equal(code.status, 200);
        assert.doesNotMatch(page, /(src|href)="\/[^/]/);
        assert.doesNotMatch(await code.text(), /"\/data\//);
        assert.equal((await fetch(`${base}data/environment`)).status, 200);
      } finally {
        proxy.close();
        proxy.closeAllConnections();
      }
    });

    it('is gone, with the folder it used, after stop and after its signal', async () => {
      const before = runFolders();
      const abort = new AbortController();
      board = await startTensorBoard({
        command: command(),
        logdirs: [{ name: 'run', path: logdir }],
        signal: abort.signal,
      });
      assert.equal(runFolders().length, before.length + 1);
      abort.abort();
      await board.exited;
      await assert.rejects(fetch(board.url));
      assert.deepEqual(runFolders(), before);
    });

    it('says that TensorBoard is missing in a Python without it', async () => {
      const isolated = [TEST_PYTHON!, '-S', '-m', 'tensorboard.main'];
      await assert.rejects(startTensorBoard({ command: isolated, logdirs: [] }), { code: 'tensorboard.missing' });
    });
  });

  it('says that it is missing when the program does not exist', async () => {
    const before = runFolders();
    await assert.rejects(startTensorBoard({ command: ['/no/python'], logdirs: [] }), {
      code: 'tensorboard.missing',
      message: /\/no\/python/,
    });
    assert.deepEqual(runFolders(), before);
  });

  it('tells the last lines when it dies at its start', async () => {
    await assert.rejects(
      startTensorBoard({ command: ['/bin/sh', '-c', 'echo disk is full >&2; exit 3'], logdirs: [] }),
      {
        code: 'tensorboard.exited',
        message: /disk is full/,
      },
    );
  });

  it('ends one that does not become ready in time', async () => {
    const command = ['/bin/sh', '-c', 'echo importing; exec sleep 1000'];
    await assert.rejects(startTensorBoard({ command, logdirs: [], startTimeoutMs: 300 }), {
      code: 'tensorboard.slow',
      message: /importing/,
    });
  });

  it('refuses names that would lead out of its folder', async () => {
    for (const name of ['', '../x', '/etc', 'a/../../b', 'a//b']) {
      const refused = startTensorBoard({ command: ['/no/python'], logdirs: [{ name, path: logdir }] });
      await assert.rejects(refused, { code: 'tensorboard.name' });
    }
  });
});

type Points = [wallTime: number, step: number, value: number][];

/** Asks until the answer is as wanted. */
async function until(url: string, isWanted: (points: Points | undefined) => boolean): Promise<Points> {
  for (;;) {
    const response = await fetch(url);
    const points = response.ok ? ((await response.json()) as Points) : undefined;
    if (isWanted(points)) return points!;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
