/**
 * What every runtime does, whatever it runs workloads on. A runtime's own test file calls {@link runtimeConformance};
 * the workloads use /bin/sh, /tmp and their log only, so that they may run in a container elsewhere.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Observed, Runtime, Workload } from '../../../server/runtimes/index.ts';

/** A place where workloads run, and control planes that come and go. */
export interface RuntimePlace {
  /** A runtime as a control plane that has just begun makes it. */
  runtime(): Promise<Runtime>;
  /** Ends what is left in this place. */
  close(): Promise<void>;
}

export type Ended = Extract<Observed, { type: 'ended' }>;

let count = 0;

/** A workload that runs a shell script. */
export function shell(script: string, more: Partial<Workload> = {}): Workload {
  const id = `t${randomBytes(4).toString('hex')}-${++count}`;
  return { id, kind: 'run', command: ['/bin/sh', '-c', script], cwd: '/tmp', env: {}, graceMs: 5000, ...more };
}

/** Waits for a state of a workload. */
export async function until<T extends Observed['type']>(
  runtime: Runtime,
  id: string,
  type: T,
): Promise<Extract<Observed, { type: T }>> {
  const done = new AbortController();
  try {
    for await (const observed of runtime.watch(done.signal)) {
      if (observed.id === id && observed.type === type) return observed as Extract<Observed, { type: T }>;
    }
  } finally {
    done.abort();
  }
  throw new Error('the watch ended by itself');
}

/** The whole log; with `text`, only until it is in the log of the workload that still runs. */
export async function readLog(runtime: Runtime, id: string, text?: string): Promise<Buffer> {
  const done = new AbortController();
  let log = Buffer.alloc(0);
  for await (const { offset, bytes } of runtime.logs(id, { offset: 0, follow: true, signal: done.signal })) {
    assert.equal(offset, log.length);
    log = Buffer.concat([log, bytes]);
    if (text !== undefined && log.includes(text)) break;
  }
  done.abort();
  return log;
}

export function runtimeConformance(name: string, makePlace: () => Promise<RuntimePlace>): void {
  describe(`${name} runtime`, function () {
    this.timeout(120_000);
    let place: RuntimePlace;
    let runtime: Runtime;
    before(async () => {
      place = await makePlace();
      runtime = await place.runtime();
    });
    after(() => place?.close());

    async function run(workload: Workload): Promise<Ended> {
      await runtime.start(workload);
      return until(runtime, workload.id, 'ended');
    }

    describe('ends', () => {
      it('with the exit code of the main process', async () => {
        const { exitCode, signal, reason } = await run(shell('exit 3'));
        assert.deepEqual({ exitCode, signal, reason }, { exitCode: 3, signal: null, reason: 'exited' });
      });

      it('as stopped, after the work had its grace time for SIGTERM', async () => {
        const workload = shell(`trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done`);
        await runtime.start(workload);
        await readLog(runtime, workload.id, 'ready');
        await runtime.stop(workload.id, 'enough', 20_000);
        const ended = await until(runtime, workload.id, 'ended');
        assert.equal(ended.reason, 'stopped');
        assert.match(ended.detail, /enough/);
        assert.match((await readLog(runtime, workload.id)).toString(), /saved/);
      });

      it('by SIGKILL when the work ignores SIGTERM', async () => {
        const workload = shell(`trap '' TERM; echo ready; while :; do sleep 0.1; done`);
        await runtime.start(workload);
        await readLog(runtime, workload.id, 'ready');
        await runtime.stop(workload.id, 'enough', 200);
        assert.equal((await until(runtime, workload.id, 'ended')).reason, 'stopped');
      });

      it('at its timeout', async () => {
        assert.equal((await run(shell('sleep 600', { timeoutMs: 500 }))).reason, 'timeout');
      });

      it('as not started when there is no such command', async () => {
        const ended = await run(shell('', { command: ['/no/such/program'] }));
        assert.equal(ended.reason, 'notStarted');
        assert.match(ended.detail, /\/no\/such\/program/);
      });
    });

    describe('start', () => {
      it('runs the work once, however often it is called', async () => {
        const workload = shell('echo begun; sleep 0.5');
        await Promise.all([runtime.start(workload), runtime.start(workload)]);
        await (await place.runtime()).start(workload);
        await until(runtime, workload.id, 'ended');
        await runtime.start(workload);
        assert.equal((await until(runtime, workload.id, 'ended')).exitCode, 0);
        assert.equal((await readLog(runtime, workload.id)).toString(), 'begun\n');
      });

      it('refuses the id of different work', async () => {
        const workload = shell('true');
        await run(workload);
        await assert.rejects(runtime.start({ ...workload, command: ['/bin/false'] }), { code: 'runtime.idTaken' });
      });

      it('refuses what is not an id', async () => {
        await assert.rejects(runtime.start(shell('true', { id: '../up' })), { code: 'workload.badId' });
      });

      it('passes environment and folder on', async () => {
        const workload = shell('echo "$GREETING $PWD"', { env: { GREETING: "it's {me}" } });
        await run(workload);
        assert.equal((await readLog(runtime, workload.id)).toString(), "it's {me} /tmp\n");
      });

      it('starts ten at the same time', async () => {
        const workloads = Array.from({ length: 10 }, (_, index) => shell(`echo ${index}; exit ${index}`));
        await Promise.all(workloads.map((workload) => runtime.start(workload)));
        const ends = await Promise.all(workloads.map(({ id }) => until(runtime, id, 'ended')));
        assert.deepEqual(
          ends.map(({ exitCode }) => exitCode),
          [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        );
      });
    });

    describe('stop', () => {
      it('is not lost when it overtakes the start', async () => {
        const workload = shell('sleep 600', { graceMs: 0 });
        await Promise.all([runtime.start(workload), runtime.stop(workload.id, 'changed my mind', 0)]);
        assert.equal((await until(runtime, workload.id, 'ended')).reason, 'stopped');
      });

      it('changes nothing after the end, however often it is called', async () => {
        const workload = shell('exit 4');
        const ended = await run(workload);
        await runtime.stop(workload.id, 'late', 0);
        await runtime.stop(workload.id, 'later', 0);
        assert.deepEqual(await until(runtime, workload.id, 'ended'), ended);
      });
    });

    describe('watch', () => {
      it('tells the start before the end, to those who come later too', async () => {
        const workload = shell('true');
        await run(workload);
        const done = new AbortController();
        const types: string[] = [];
        for await (const observed of runtime.watch(done.signal)) {
          if (observed.id === workload.id) types.push(observed.type);
          if (types.includes('ended')) done.abort();
        }
        assert.deepEqual(types, ['started', 'ended']);
      });
    });

    describe('observe', () => {
      it('lets a new control plane see how running work ends', async () => {
        const workload = shell('echo ready; while ! [ -e /tmp/$GO ]; do sleep 0.1; done; rm /tmp/$GO; exit 7');
        workload.env['GO'] = `slipway-${workload.id}`;
        await runtime.start(workload);
        const started = await until(runtime, workload.id, 'started');
        const next = await place.runtime();
        await next.observe(workload.id);
        assert.deepEqual(await until(next, workload.id, 'started'), started);
        const stream = await next.open(workload.id, { command: ['/bin/sh', '-c', 'echo > /tmp/$GO'] });
        stream.resume();
        const ended = await until(next, workload.id, 'ended');
        assert.deepEqual([ended.reason, ended.exitCode], ['exited', 7]);
      });

      it('lets a new control plane see how work has ended', async () => {
        const workload = shell('exit 7');
        const ended = await run(workload);
        const next = await place.runtime();
        await next.observe(workload.id);
        assert.deepEqual(await until(next, workload.id, 'ended'), ended);
      });

      it('says lost when there is no trace', async () => {
        const { id } = shell('');
        await runtime.observe(id);
        assert.equal((await until(runtime, id, 'ended')).reason, 'lost');
      });
    });

    describe('logs', () => {
      it('keep every byte, and any offset is a cursor', async () => {
        // 70,000 bytes from a fixed seed: every byte value, lone newlines, invalid UTF-8.
        const script = `awk 'BEGIN { s = 7; for (i = 0; i < 70000; i++) { s = (s * 16807) % 2147483647; printf "\\\\%03o", s % 256 } }'`;
        const workload = shell(`printf "$(${script})"; printf end >&2`);
        await run(workload);
        let seed = 7;
        const expected = Buffer.from(
          Array.from({ length: 70_000 }, () => {
            seed = (seed * 16807) % 2147483647;
            return seed % 256;
          }),
        );
        const log = await readLog(runtime, workload.id);
        assert.ok(log.equals(Buffer.concat([expected, Buffer.from('end')])));

        const { signal } = new AbortController();
        let rest = Buffer.alloc(0);
        for await (const { offset, bytes } of runtime.logs(workload.id, { offset: 4321, follow: false, signal })) {
          assert.equal(offset, 4321 + rest.length);
          rest = Buffer.concat([rest, bytes]);
        }
        assert.ok(rest.equals(log.subarray(4321)));
      });

      it('are unknown for unknown work', async () => {
        await assert.rejects(readLog(runtime, shell('').id), { code: 'workload.unknown' });
      });
    });

    describe('open', () => {
      it('gives a byte stream to a command beside the work', async () => {
        const workload = shell('sleep 600', { env: { NAME: 'pod' }, graceMs: 0 });
        await runtime.start(workload);
        await until(runtime, workload.id, 'started');
        const stream = await runtime.open(workload.id, { command: ['/bin/sh', '-c', 'read x; echo "$x $NAME"'] });
        stream.end('hello\n');
        assert.equal(await readStream(stream), 'hello pod\n');
        await runtime.stop(workload.id, 'done', 0);
        await until(runtime, workload.id, 'ended');
      });

      it('says so when nothing listens', async () => {
        const workload = shell('sleep 600', { graceMs: 0 });
        await runtime.start(workload);
        await until(runtime, workload.id, 'started');
        await assert.rejects(runtime.open(workload.id, { port: 1 }), { code: 'workload.portClosed' });
        await runtime.stop(workload.id, 'done', 0);
        await until(runtime, workload.id, 'ended');
      });

      it('refuses work that has ended', async () => {
        const workload = shell('true');
        await run(workload);
        await assert.rejects(runtime.open(workload.id, { port: 80 }), { code: 'workload.ended' });
      });
    });

    describe('capacity', () => {
      it('tells at least one node with CPUs and memory', async () => {
        const done = new AbortController();
        for await (const { nodes } of runtime.capacity(done.signal)) {
          assert.ok(nodes.length > 0 && nodes.every(({ cpus, memoryBytes }) => cpus > 0 && memoryBytes > 0));
          break;
        }
        done.abort();
      });
    });
  });
}

async function readStream(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
