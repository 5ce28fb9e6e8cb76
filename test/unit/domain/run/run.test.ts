import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ReceiptDraft, Send } from '../../../../server/domain/reducer.ts';
import {
  type Collected,
  hasEnded,
  type RunCommand,
  type RunEvent,
  type RunSpec,
  type RunState,
  reduceRun,
} from '../../../../server/domain/run/run.ts';
import {
  holdersOf,
  type QueueEvent,
  type QueueState,
  reduceQueue,
  waitingOf,
} from '../../../../server/domain/schedule/queue.ts';
import { runSpec } from './specs.ts';

/** A run and the real queue beside it: what one sends the other arrives in the same step, as in the engine. */
class World {
  run: RunState | undefined;
  queue: QueueState | undefined;
  receipts: ReceiptDraft[] = [];
  commands: Exclude<RunCommand, Send>[] = [];
  toParent: Send['event'][] = [];
  #at = 0;

  constructor(spec: Partial<RunSpec> = {}) {
    this.#toQueue({ type: 'capacity', nodes: [{ name: 'laptop', cpus: 4, memoryBytes: 2 ** 34, gpus: [] }] });
    this.tell({ type: 'created', spec: runSpec({ parent: { kind: 'sweep', id: 'w1' }, ...spec }) });
  }

  tell(...events: Happening[]): this {
    for (const event of events) {
      const step = reduceRun(this.run, { at: ++this.#at, ...event } as RunEvent);
      this.run = step.state;
      this.receipts.push(...step.receipts);
      for (const command of step.commands) {
        if (command.type !== 'send') this.commands.push(command);
        else if (command.to.kind === 'queue') this.#toQueue(command.event);
        else this.toParent.push(command.event);
      }
    }
    return this;
  }

  get status() {
    return this.run!.status;
  }

  #toQueue(event: object): void {
    const step = reduceQueue(this.queue, { at: ++this.#at, ...event } as QueueEvent);
    this.queue = step.state;
    for (const { event: answer } of step.commands) this.tell(answer as Happening);
  }
}

type Without<E> = E extends RunEvent ? Omit<E, 'at'> : never;
type Happening = Without<RunEvent>;

const prepared: Happening = { type: 'prepared', prepared: { refs: [], inputs: [] } };
const started = (attempt = 1): Happening => ({ type: 'started', attempt });
const exit = (exitCode: number | null, reason = 'exited', attempt = 1, signal: string | null = null): Happening => {
  return { type: 'ended', attempt, exitCode, signal, reason, detail: '' };
};
const collected = (more: Partial<Collected> = {}, attempt = 1): Happening => {
  return { type: 'collected', attempt, collected: { outputs: [], metrics: {}, ...more } };
};
const stop: Happening = { type: 'stopRequested', reason: 'Stopped by hand.' };

describe('run', () => {
  it('is deleted with its outputs once it has ended, and once; what was made from it can still ask for it', () => {
    const remove: Happening = { type: 'deleted', dependents: ['model:digits@v1'] };
    const world = new World().tell(prepared, started(), remove);
    assert.equal(world.status, 'running', 'not while it runs');
    const model = { name: 'model', digests: { md5: 'a', sha256: 'b' }, files: 1, bytes: 1 };
    world.tell(exit(0), collected({ outputs: [model] }));
    const before = world.receipts.length;
    world.tell(remove, remove, { type: 'registered', model: 'digits@v1' });
    assert.deepEqual(world.commands.at(-1), { type: 'run.erase', attempts: 1 });
    assert.equal(world.commands.filter(({ type }) => type === 'run.erase').length, 1);
    const [receipt, ...more] = world.receipts.slice(before);
    assert.deepEqual(more, []);
    const { kind, subject, inputs, evidence } = receipt!;
    assert.deepEqual([kind, subject.name, evidence['dependents']], ['deleted', 'run:r1', ['model:digits@v1']]);
    assert.deepEqual(inputs, [{ name: 'output:r1/model', digest: model.digests }]);
    assert.deepEqual([world.status, world.run!.isDeleted], ['succeeded', true]);
  });

  it('prepares, waits, starts, runs, collects and ends', () => {
    const world = new World();
    assert.equal(world.status, 'preparing');
    assert.equal(world.tell(prepared).status, 'starting');
    assert.equal(world.tell(started()).status, 'running');
    assert.equal(world.tell(exit(0)).status, 'running');
    assert.equal(world.tell(collected({ metrics: { loss: 0.1 } })).status, 'succeeded');
    assert.deepEqual(
      world.commands.map(({ type }) => type),
      ['run.prepare', 'run.launch', 'run.collect'],
    );
    assert.equal(world.toParent[0]!['status'], 'succeeded');
  });

  it('gives its slots back as soon as its program has ended, before its outputs are collected', () => {
    const world = new World().tell(prepared, started(), exit(0));
    assert.deepEqual(holdersOf(world.queue!), {});
  });

  const stopped: [state: string, before: Happening[], after: Happening[]][] = [
    ['preparing', [], [prepared]],
    ['starting', [prepared], [exit(null, 'stopped'), collected()]],
    ['running', [prepared, started()], [exit(null, 'stopped', 1, 'SIGTERM'), collected()]],
    ['running, with exit status 0 on SIGTERM', [prepared, started()], [exit(0, 'stopped'), collected()]],
  ];
  for (const [state, before, after] of stopped) {
    it(`ends as stopped when it is stopped while ${state}, and never runs again`, () => {
      const world = new World({ retries: 3 }).tell(...before, stop, ...after);
      assert.equal(world.status, 'stopped');
      assert.equal(world.run!.reason, 'Stopped by hand.');
      assert.deepEqual([holdersOf(world.queue!), waitingOf(world.queue!)], [{}, []]);
    });
  }

  it('is stopped once, for the reason that was given first', () => {
    const world = new World().tell(prepared, started(), stop, { type: 'stopRequested', reason: 'And again.' });
    assert.equal(world.commands.filter(({ type }) => type === 'run.stop').length, 1);
    assert.equal(world.run!.stop!.reason, 'Stopped by hand.');
    const early = new World().tell(stop, { type: 'stopRequested', reason: 'And again.' }, prepared);
    assert.deepEqual([early.status, early.run!.reason], ['stopped', 'Stopped by hand.']);
  });

  it('does not take the start of another attempt for its own', () => {
    assert.equal(new World().tell(prepared, started(2)).status, 'starting');
  });

  it('leaves the line when it is stopped while it waits', () => {
    const world = new World({ resources: { cpu: 4 } });
    const other = {
      type: 'submitted',
      id: 'other',
      request: { cpu: 1, memoryBytes: 0, gpu: 0, gpuMemoryBytes: 0 },
    } as const;
    world.queue = reduceQueue(world.queue, { ...other, at: 0, priority: 0 }).state;
    assert.equal(world.tell(prepared).status, 'waiting');
    assert.equal(world.run!.waiting!.position, 1);
    assert.equal(world.tell(stop).status, 'stopped');
    assert.deepEqual(waitingOf(world.queue!), []);
    assert.equal(world.run!.waiting, undefined);
  });

  it('asks a running program to stop once, with its grace time', () => {
    const world = new World({ graceMs: 1234 }).tell(prepared, started(), stop, stop);
    const stops = world.commands.filter(({ type }) => type === 'run.stop');
    assert.deepEqual(stops, [{ type: 'run.stop', attempt: 1, reason: 'Stopped by hand.', graceMs: 1234 }]);
  });

  it('makes room when it is asked to, and goes on from its checkpoints later, as a new attempt but not as a retry', () => {
    const world = new World({ collect: { checkpoints: ['ckpt/*'] }, retries: 0 }).tell(prepared, started());
    world.tell({ type: 'preempted', reason: 'makes room for r9', graceMs: 500 });
    assert.deepEqual(world.commands.at(-1), {
      type: 'run.stop',
      attempt: 1,
      reason: 'makes room for r9',
      graceMs: 500,
    });
    world.tell(exit(null, 'stopped', 1, 'SIGTERM'), collected());
    assert.deepEqual([world.status, world.run!.attempt, world.receipts.length], ['starting', 2, 0]);
    world.tell(started(2), exit(1, 'exited', 2), collected({}, 2));
    assert.deepEqual([world.status, world.receipts.length], ['failed', 1]);
  });

  it('does not come back when it is stopped while it makes room', () => {
    const world = new World({ collect: { checkpoints: ['ckpt/*'] } }).tell(prepared, started());
    world.tell({ type: 'preempted', reason: 'makes room for r9', graceMs: 500 }, stop);
    world.tell(exit(null, 'stopped'), collected());
    assert.deepEqual([world.status, world.run!.reason], ['stopped', 'Stopped by hand.']);
  });

  it('queues again at its old place when somebody else had its GPU first', () => {
    const world = new World().tell(prepared, exit(null, 'slotTaken'));
    assert.deepEqual([world.run!.attempt, world.receipts.length], [2, 0]);
    assert.ok(['waiting', 'starting'].includes(world.status));
  });

  it('tries a failed program again as often as `retries` says, as a new attempt that queues again', () => {
    const world = new World({ retries: 1 }).tell(prepared, started(), exit(1), collected());
    assert.deepEqual([world.status, world.run!.attempt], ['starting', 2]);
    world.tell(started(2), exit(1, 'exited', 2), collected({}, 2));
    assert.deepEqual([world.status, world.receipts.length], ['failed', 1]);
  });

  it('hears nothing of an earlier attempt', () => {
    const world = new World({ retries: 1 }).tell(prepared, started(), exit(1), collected(), started(2));
    const before = world.run;
    assert.equal(world.tell(started(1), exit(0), collected()).run, before);
  });

  const ends: [how: string, event: Happening, more: Partial<Collected>, status: string, reason: RegExp][] = [
    ['exit status', exit(3), {}, 'failed', /^Exit status 3: the log has the details\.$/],
    [
      'exception',
      exit(1),
      { exception: { type: 'ValueError', message: 'bad lr.' } },
      'failed',
      /^Exit status 1: ValueError: bad lr\.$/,
    ],
    ['signal', exit(null, 'exited', 1, 'SIGKILL'), {}, 'failed', /SIGKILL/],
    ['timeout', exit(null, 'timeout', 1, 'SIGTERM'), {}, 'failed', /longer than its timeout/],
    ['lost', exit(null, 'lost'), {}, 'lost', /^$/],
    ['not started', exit(null, 'notStarted'), {}, 'failed', /^$/],
  ];
  for (const [how, event, more, status, reason] of ends) {
    it(`says how it ended: ${how}`, () => {
      const world = new World().tell(prepared, started(), event, collected(more));
      assert.equal(world.status, status);
      assert.match(world.run!.reason, reason);
    });
  }

  it('gives its slots back when its program could not be launched', () => {
    const world = new World().tell(prepared, { type: 'commandFailed', command: 'run.launch', message: 'no shell' });
    assert.equal(world.status, 'failed');
    assert.deepEqual(holdersOf(world.queue!), {});
  });

  it('ends when it is stopped and its launch is given up', () => {
    const world = new World().tell(prepared, stop, {
      type: 'commandFailed',
      command: 'run.launch',
      message: 'no shell',
    });
    assert.ok(hasEnded(world.status));
    assert.deepEqual(holdersOf(world.queue!), {});
  });

  it('goes on running when a stop could not be carried out', () => {
    const world = new World().tell(prepared, started(), stop);
    const failed: Happening = { type: 'commandFailed', command: 'run.stop', message: 'no such process' };
    assert.equal(world.tell(failed).status, 'stopping');
  });

  it('is refused with the reason when no node can hold it', () => {
    const world = new World({ resources: { cpu: 64 } }).tell(prepared);
    assert.equal(world.status, 'failed');
    assert.match(world.run!.reason, /No node can ever hold 64 CPUs/);
  });

  it('names in its receipt what it read and what it made', () => {
    const digests = { md5: 'a'.repeat(32), sha256: 'a'.repeat(64) };
    const inputs = [{ name: 'dataset:digits@v1', digest: digests }];
    const output = { name: 'model', digests, files: 1, bytes: 2 };
    const world = new World({ kind: 'stage', step: 'preprocess', parent: undefined }).tell(
      { type: 'prepared', prepared: { refs: [], inputs } },
      started(),
      exit(0),
      collected({ outputs: [output] }),
    );
    const [receipt] = world.receipts;
    assert.equal(receipt!.kind, 'stage.done');
    assert.deepEqual(receipt!.inputs, inputs);
    assert.deepEqual(receipt!.products, [{ name: 'output:r1/model', digest: digests }]);
  });

  it('keeps environment values and secrets out of its receipt', () => {
    const world = new World({ env: { TOKEN: 'hunter2' } }).tell(prepared, started(), exit(0), collected());
    assert.ok(!JSON.stringify(world.receipts).includes('hunter2'));
  });

  it('can be registered as a model after its end', () => {
    const world = new World().tell(prepared, started(), exit(0), collected(), {
      type: 'registered',
      model: 'digits@v1',
    });
    assert.equal(world.run!.model, 'digits@v1');
    assert.equal(world.receipts.length, 1);
  });

  describe('whatever happens, in whatever order and however often', () => {
    const attempt = fc.integer({ min: 1, max: 3 });
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      fc.constant(prepared),
      fc.constant<Happening>({ type: 'prepareFailed', code: 'x', message: 'no', hint: '' }),
      fc.constant<Happening>({ type: 'refused', reason: 'too large' }),
      attempt.map(started),
      fc
        .tuple(
          fc.constantFrom(0, 1, null),
          fc.constantFrom('exited', 'stopped', 'lost', 'notStarted', 'timeout'),
          attempt,
        )
        .map(([code, reason, n]) => exit(code, reason, n)),
      attempt.map((n) => collected({}, n)),
      fc.constant(stop),
      fc
        .constantFrom('run.prepare', 'run.launch', 'run.collect', 'run.stop')
        .map((command): Happening => ({ type: 'commandFailed', command, message: 'gave up' })),
    );
    const history = fc.array(happening, { maxLength: 30 });
    const retries = fc.nat(2);

    it('has at most one end, with exactly one receipt and one word to its parent', () => {
      fc.assert(
        fc.property(history, retries, (events, n) => {
          const world = new World({ retries: n }).tell(...events);
          const ends = hasEnded(world.status) ? 1 : 0;
          assert.deepEqual([world.receipts.length, world.toParent.length], [ends, ends]);
        }),
        { numRuns: 500 },
      );
    });

    it('changes nothing after its end', () => {
      fc.assert(
        fc.property(history, history, (events, late) => {
          const world = new World().tell(...events, prepared, started(), exit(0), collected());
          fc.pre(hasEnded(world.status));
          const before = world.run;
          assert.equal(world.tell(...late).run, before);
        }),
      );
    });

    it('holds slots exactly while an attempt may be at work, and stands in line exactly while it waits', () => {
      fc.assert(
        fc.property(history, retries, (events, n) => {
          const world = new World({ retries: n });
          for (const event of events) {
            world.tell(event);
            const atWork = ['starting', 'running', 'stopping'].includes(world.status) && !world.run!.exit;
            assert.equal('r1' in holdersOf(world.queue!), atWork, `${event.type} → ${world.status}`);
            assert.equal(
              waitingOf(world.queue!).length > 0,
              world.status === 'waiting',
              `${event.type} → ${world.status}`,
            );
          }
        }),
        { numRuns: 500 },
      );
    });

    it('launches each attempt once', () => {
      fc.assert(
        fc.property(history, retries, (events, n) => {
          const world = new World({ retries: n }).tell(...events);
          const launched = world.commands
            .filter(({ type }) => type === 'run.launch')
            .map((command) => JSON.stringify(command));
          assert.equal(new Set(launched).size, launched.length);
          assert.ok(launched.length <= n + 1);
        }),
      );
    });
  });
});
