import assert from 'node:assert/strict';
import fc from 'fast-check';
import { holdersOf, reduceQueue, waitingOf } from '../../../../server/domain/schedule/queue.ts';
import type { QueueSettings, QueueState } from '../../../../server/domain/schedule/state.ts';
import { placements } from '../../../../server/protocol/policyFile.ts';
import { ask, type Job, makeNode, World } from './world.ts';

const hour = 3600_000;
const switches = ['a', 'b'];

const nodes = fc
  .array(fc.record({ cpus: fc.integer({ min: 1, max: 8 }), gpus: fc.nat(4), shares: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((list) =>
    list.map(({ cpus, gpus, shares }, n) =>
      makeNode(`n${n}`, cpus, gpus, {
        labels: { switch: switches[n % 2]! },
        ...(shares && { gpuShares: n % 2 === 0 ? ('any' as const) : [250, 500] }),
      }),
    ),
  );

const request = fc
  .record({
    cpu: fc.constantFrom(0, 0.1, 1, 2, 4),
    gpu: fc.constantFrom(0, 0, 0.2, 0.5, 1, 2),
    members: fc.constantFrom(undefined, undefined, undefined, 2, 3),
    together: fc.constantFrom(undefined, 'host', 'switch'),
  })
  .map(({ cpu, gpu, members, together }) => ask(cpu, gpu, members ? { members, ...(together && { together }) } : {}));

const jobs = fc
  .array(
    fc.record({
      gapMs: fc.constantFrom(0, 0, 1000, 60_000),
      request,
      durationMs: fc.integer({ min: 1, max: 600_000 }),
      tenant: fc.constantFrom('ann', 'bob', 'cai'),
      priority: fc.nat(2),
      graceMs: fc.constantFrom(undefined, 1000, 30_000),
    }),
    { maxLength: 40 },
  )
  .map((list) => {
    let at = 0;
    return list.map(({ gapMs, ...job }, i): Job => {
      at += gapMs;
      return { id: `j${i}`, at, ...job };
    });
  });

const settings: fc.Arbitrary<Partial<QueueSettings>> = fc.record({
  placement: fc.constantFrom(...placements),
  backfill: fc.boolean(),
  overdueMs: fc.constantFrom(60_000, 24 * hour),
  preemption: fc.record({ byPriority: fc.boolean(), byShare: fc.boolean() }),
  tenants: fc.constantFrom<QueueSettings['tenants'][]>(
    {},
    { ann: { share: 2, borrows: true, quota: {} }, bob: { share: 1, borrows: false, quota: {} } },
    { cai: { share: 1, borrows: true, quota: { cpus: 4, gpus: { gpu: 1 } } } },
  ),
});

/** What is wrong with what is held: more than there is, or a gang that is not whole or not together. */
function faults(state: QueueState): string[] {
  const found: string[] = [];
  for (const { node, held } of state.nodes) {
    const shares = Object.values(held).map(({ share }) => share);
    const milliCpu = shares.reduce((sum, share) => sum + share.milliCpu * share.members, 0);
    if (milliCpu > node.cpus * 1000) found.push(`${node.name}: ${milliCpu} of ${node.cpus * 1000} thousandths of CPUs`);
    for (const { index } of node.gpus) {
      const milli = shares.reduce((sum, it) => sum + it.milliGpu * it.gpus.filter((gpu) => gpu === index).length, 0);
      if (milli > 1000) found.push(`${node.name}: ${milli} thousandths of GPU ${index}`);
    }
  }
  for (const [id, places] of Object.entries(holdersOf(state))) {
    const { request: asked } = places[0]!.held.entry;
    const members = places.reduce((sum, { held }) => sum + held.share.members, 0);
    if (members !== (asked.members ?? 1)) found.push(`${id} holds ${members} of ${asked.members} members`);
    const labels = places.map(({ node }) => state.nodes.find((one) => one.node.name === node)!.node);
    const values = labels.map((node) => (asked.together === 'host' ? node.name : node.labels?.['switch']));
    if (asked.together && new Set(values).size > 1) found.push(`${id} lies on ${values.join()}`);
    if (waitingOf(state).some((entry) => entry.id === id)) found.push(`${id} holds and waits`);
  }
  return found;
}

function play(world: World, list: readonly Job[], check?: (state: QueueState) => void): void {
  for (const job of list) {
    world.submit(job);
    check?.(world.state!);
  }
  world.runUntil(1000 * hour);
}

describe('queue, under any arrival', () => {
  it('never gives more than there is, nor a gang in parts', () => {
    fc.assert(
      fc.property(nodes, settings, jobs, (list, how, asked) => {
        const world = new World(list, how);
        play(world, asked, (state) => assert.deepEqual(faults(state), []));
        let state: QueueState | undefined;
        for (const event of world.events) {
          state = reduceQueue(state, event).state;
          assert.deepEqual(faults(state), []);
        }
      }),
    );
  });

  it('lets everything that fits run in the end, and the rest know why not', () => {
    fc.assert(
      fc.property(nodes, settings, jobs, (list, how, asked) => {
        const world = new World(list, how);
        play(world, asked);
        for (const { id } of waitingOf(world.state!)) {
          const { reason } = world.lastTold(id, 'waitingChanged')!['waiting'] as { reason: string };
          assert.match(reason, /quota|does not borrow/, `${id} still waits`);
        }
        for (const { id } of asked)
          assert.ok(
            world.startOf(id) !== undefined || world.lastTold(id, 'refused') || world.lastTold(id, 'waitingChanged'),
          );
      }),
    );
  });

  it('starves nobody: however many of higher priority keep coming, the overdue one starts next', () => {
    const flood = fc.array(
      fc.record({ cpu: fc.integer({ min: 1, max: 4 }), durationMs: fc.integer({ min: 1000, max: 60_000 }) }),
      {
        minLength: 200,
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(flood, fc.boolean(), fc.boolean(), (arrivals, isOtherTenant, backfill) => {
        const world = new World([makeNode('n', 4)], { overdueMs: 10 * 60_000, backfill });
        world.submit({ id: 'first', at: 0, request: ask(4), durationMs: 60_000, tenant: 'rich' });
        world.submit({ id: 'poor', at: 1, request: ask(4), durationMs: 1000, tenant: 'poor' });
        const tenant = isOtherTenant ? 'rich' : 'poor';
        for (const [i, { cpu, durationMs }] of arrivals.entries())
          world.submit({ id: `f${i}`, at: 2 + i * 10_000, request: ask(cpu), durationMs, tenant, priority: 9 });
        // Overdue after ten minutes, looked at every six seconds, and then it waits for those that run, one minute at most.
        assert.ok(world.startOf('poor')! <= 10 * 60_000 + 6_000 + 70_000, `it started at ${world.startOf('poor')}`);
      }),
      { numRuns: 20 },
    );
  });

  it('never puts on the room kept for the head what the head would have to wait for', () => {
    fc.assert(
      fc.property(nodes, jobs, (list, asked) => {
        const alike = asked.map((job): Job => ({ ...job, tenant: undefined, priority: 0, graceMs: undefined }));
        const world = new World(list, { overdueMs: 1e15 });
        play(world, alike);
        let state: QueueState | undefined;
        for (const event of world.events) {
          const before = state;
          state = reduceQueue(before, event).state;
          const kept = before?.reservation;
          if (!kept || !before || state.reservation?.id !== kept.id || event.type !== 'submitted') continue;
          // The head waits on: were those gone that were there before, it would fit as before.
          const gone = Object.keys(holdersOf(before));
          let later = state;
          let tried = before;
          for (const id of gone) {
            later = reduceQueue(later, { type: 'released', at: event.at, id }).state;
            tried = reduceQueue(tried, { type: 'released', at: event.at, id }).state;
          }
          assert.equal(kept.id in holdersOf(later), kept.id in holdersOf(tried));
        }
      }),
    );
  });

  it('brings tenants with equal shares to equal parts, whoever came first and however much each asks for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 0, max: 20 }), (slots, early) => {
        const world = new World([makeNode('n', 2 * slots)]);
        const job = (id: string, tenant: string, at: number): Job => ({
          id,
          at,
          tenant,
          request: ask(1),
          durationMs: 60_000,
        });
        for (let i = 0; i < early; i++) world.submit(job(`e${i}`, 'ann', 0));
        for (let i = 0; i < 20 * slots; i++) {
          world.submit(job(`a${i}`, 'ann', 1));
          if (i % 2 === 0) world.submit(job(`b${i}`, 'bob', 1));
        }
        world.runUntil(3 * 60_000);
        const tenants = Object.values(holdersOf(world.state!)).map(([place]) => place!.held.entry.tenant);
        const ann = tenants.filter((tenant) => tenant === 'ann').length;
        assert.ok(Math.abs(ann - (tenants.length - ann)) <= 1, `ann has ${ann} of ${tenants.length}`);
      }),
      { numRuns: 30 },
    );
  });

  it('loses at most one grace time of work by a preemption', () => {
    const preempting = { preemption: { byPriority: true, byShare: true } };
    let preemptions = 0;
    fc.assert(
      fc.property(nodes, jobs, (list, asked) => {
        const world = new World(list, preempting);
        play(
          world,
          asked.map((job): Job => ({ ...job, graceMs: 5000 })),
        );
        preemptions += world.lostMs.length;
        for (const lostMs of world.lostMs) assert.ok(lostMs <= 5000);
        for (const { id } of asked)
          if (world.startOf(id) !== undefined) assert.ok(!world.holds(id), `${id} never came to its end`);
      }),
    );
    assert.notEqual(preemptions, 0, 'nothing was preempted: this shows nothing');
  });

  it('decides the same from any snapshot on', () => {
    fc.assert(
      fc.property(nodes, settings, jobs, fc.nat(200), (list, how, asked, cut) => {
        const world = new World(list, how);
        play(world, asked);
        const events = world.events;
        const at = Math.min(cut, events.length);
        let state: QueueState | undefined;
        for (const event of events.slice(0, at)) state = reduceQueue(state, event).state;
        let stored = state && (JSON.parse(JSON.stringify(state)) as QueueState);
        for (const event of events.slice(at)) {
          const step = reduceQueue(state, event);
          const replayed = reduceQueue(stored, event);
          assert.deepEqual(replayed.commands, step.commands);
          state = step.state;
          stored = replayed.state;
        }
        assert.deepEqual(JSON.parse(JSON.stringify(stored)), JSON.parse(JSON.stringify(state)));
      }),
    );
  });
});
