import assert from 'node:assert/strict';
import fc from 'fast-check';
import { holdersOf, reduceQueue, usedOf, waitingOf } from '../../../../server/domain/schedule/queue.ts';
import type { QueueNode, Request } from '../../../../server/domain/schedule/resources.ts';
import type { QueueEvent, QueueState } from '../../../../server/domain/schedule/state.ts';
import { lineOf } from '../../../../server/domain/schedule/tell.ts';
import type { Waiting } from '../../../../server/protocol/entities.ts';

const GiB = 2 ** 30;

function node(cpus: number, memory = 16, gpus: number[] = [], name = 'laptop'): QueueNode {
  const described = gpus.map((gib, index) => ({ index, product: 'gpu', memoryBytes: gib * GiB, busy: false }));
  return { name, cpus, memoryBytes: memory * GiB, gpus: described };
}

function want(cpu: number, memory = 1, gpu = 0, gpuMemory = 0): Request {
  return { cpu, memoryBytes: memory * GiB, gpu, gpuMemoryBytes: gpuMemory * GiB };
}

let clock = 0;
const capacity = (...nodes: QueueNode[]): QueueEvent => ({ type: 'capacity', at: ++clock, nodes });
const release = (id: string): QueueEvent => ({ type: 'released', at: ++clock, id });
const submit = (id: string, request: Request, priority = 0): QueueEvent => {
  return { type: 'submitted', at: ++clock, id, request, priority };
};

interface Told {
  id: string;
  event: { type: string } & Record<string, unknown>;
}

function replay(events: readonly QueueEvent[], start?: QueueState): { state: QueueState; told: Told[] } {
  let state = start;
  const told: Told[] = [];
  for (const event of events) {
    const step = reduceQueue(state, event);
    state = step.state;
    told.push(...step.commands.map((command) => ({ id: command.to.id, event: command.event })));
  }
  return { state: state!, told };
}

const admitted = (told: readonly Told[]) => told.filter(({ event }) => event.type === 'admitted').map(({ id }) => id);
const lastTold = (told: readonly Told[], id: string) => told.findLast((one) => one.id === id)!.event;

describe('queue', () => {
  it('admits in order of priority, then arrival', () => {
    const line = [submit('a', want(4)), submit('b', want(4)), submit('urgent', want(4), 10)];
    const { told } = replay([
      capacity(node(4)),
      submit('first', want(4)),
      ...line,
      ...['first', 'urgent', 'a'].map(release),
    ]);
    assert.deepEqual(admitted(told), ['first', 'urgent', 'a', 'b']);
  });

  it('counts what is held of the memory, too', () => {
    const { state } = replay([capacity(node(8, 8)), submit('a', want(1, 5)), submit('b', want(1, 5))]);
    assert.deepEqual([Object.keys(holdersOf(state)), waitingOf(state).map(({ id }) => id)], [['a'], ['b']]);
  });

  it('takes one out of the line that gives up waiting', () => {
    const events = [capacity(node(4)), submit('a', want(4)), submit('b', want(4)), submit('c', want(4))];
    const { state } = replay([...events, { type: 'released', at: ++clock, id: 'b' }]);
    assert.deepEqual([Object.keys(holdersOf(state)), waitingOf(state).map(({ id }) => id)], [['a'], ['c']]);
  });

  it('never lets a small one take what the head of the line waits for', () => {
    const events = [capacity(node(4)), submit('holder', want(3)), submit('big', want(4)), submit('small', want(1))];
    assert.deepEqual(admitted(replay(events).told), ['holder']);
    assert.deepEqual(admitted(replay([...events, release('holder')]).told), ['holder', 'big']);
  });

  it('lets a small one pass where it takes nothing that the head lacks', () => {
    const line = [submit('train', want(1, 1, 1)), submit('head', want(1, 1, 1)), submit('small', want(1))];
    const { told } = replay([capacity(node(4, 16, [24])), ...line]);
    assert.deepEqual(admitted(told), ['train', 'small']);
  });

  it('says why one waits, at which place, behind whom, and what would let it start now', () => {
    const events = [capacity(node(4)), submit('holder', want(3)), submit('big', want(4)), submit('small', want(1))];
    const { told } = replay(events);
    assert.deepEqual(lastTold(told, 'big')['waiting'], {
      reason: 'waits for 4 CPUs to become free',
      position: 1,
      ahead: [],
      since: clock - 1,
      startsNowIf: 'it would start now if holder ended',
    });
    assert.deepEqual(lastTold(told, 'small')['waiting'], {
      reason: 'waits behind one other',
      position: 2,
      ahead: ['big'],
      since: clock,
      startsNowIf: 'there is room for it, which big ahead of it waits for: ahead of big it would start now',
    });
  });

  it('tells a place again only when it has changed', () => {
    const { state } = replay([capacity(node(4)), submit('holder', want(4)), submit('next', want(1))]);
    assert.deepEqual(replay([capacity(node(4))], state).told, []);
  });

  it('refuses at once what no node can ever hold, and says what there is', () => {
    const { state, told } = replay([capacity(node(4, 8)), submit('huge', want(64))]);
    assert.match(String(told[0]!.event['reason']), /64 CPUs.*laptop has 4 CPUs, 8\.0 GiB memory, 0 GPUs/);
    assert.deepEqual(waitingOf(state), []);
  });

  it('refuses a fraction of a GPU', () => {
    const { told } = replay([capacity(node(4, 8, [24])), submit('share', want(1, 1, 0.5))]);
    assert.equal(told[0]!.event.type, 'refused');
  });

  it('waits for a GPU that a foreign process uses, rather than refusing', () => {
    const busy = node(4, 8, [24]);
    busy.gpus[0]!.busy = true;
    const { state, told } = replay([capacity(busy), submit('train', want(1, 1, 1))]);
    assert.match(String((lastTold(told, 'train')['waiting'] as { reason: string }).reason), /1 GPU with|1 GPU to/);
    assert.deepEqual(admitted(replay([capacity(node(4, 8, [24]))], state).told), ['train']);
  });

  it('gives the smallest GPUs whose memory suffices', () => {
    const { state } = replay([capacity(node(8, 64, [80, 24, 40])), submit('train', want(1, 1, 1, 30))]);
    assert.deepEqual(holdersOf(state)['train']![0]!.held.share.gpus, [2]);
  });

  it('lets others pass what the nodes of now can never hold: one that cannot start holds nobody up', () => {
    const early = [submit('impossible', want(64)), submit('small', want(1))];
    const { state, told } = replay([...early, capacity(node(4))]);
    assert.deepEqual(admitted(told), ['small']);
    assert.match(
      String((lastTold(told, 'impossible')['waiting'] as { reason: string }).reason),
      /No node can ever hold/,
    );
    assert.deepEqual(admitted(replay([capacity(node(65))], state).told), ['impossible']);
  });

  it('takes decimal CPU shares at their word: ten tenths fill one CPU', () => {
    const events = Array.from({ length: 11 }, (_, i) => submit(`r${i}`, want(0.1)));
    assert.equal(admitted(replay([capacity(node(1)), ...events]).told).length, 10);
  });

  it('gives fractions of a GPU where a node offers them, in the sizes that it offers', () => {
    const sliced = { ...node(4, 8, [24]), gpuShares: [250, 500] };
    const events = ['a', 'b', 'c'].map((id) => submit(id, want(0, 0, 0.3)));
    const { state, told } = replay([capacity(sliced), ...events]);
    assert.deepEqual(admitted(told), ['a', 'b'], 'two halves fill it');
    assert.equal(holdersOf(state)['a']![0]!.held.share.milliGpu, 500);
  });

  it('starts a gang on nodes behind the same switch, or not at all', () => {
    const nodes = ['a', 'b', 'a', 'b'].map((name, n) => ({ ...node(1, 8, [], `n${n}`), labels: { switch: name } }));
    const gang = { ...want(1), members: 2, together: 'switch' };
    const { told } = replay([capacity(...nodes), submit('g1', gang), submit('g2', gang), submit('g3', gang)]);
    const places = told
      .filter(({ event }) => event.type === 'admitted')
      .map(({ event }) => (event['members'] as { node: string }[]).map((one) => one.node));
    assert.deepEqual(places, [
      ['n0', 'n2'],
      ['n1', 'n3'],
    ]);
  });

  it('lets nobody wait longer than it may, and says that this is why', () => {
    const patient: QueueEvent = { ...submit('patient', want(4)), maxWaitMs: 60_000 } as QueueEvent;
    const { told } = replay([
      capacity(node(4)),
      submit('holder', want(4)),
      patient,
      { type: 'tick', at: clock + 60_000 },
    ]);
    assert.deepEqual(lastTold(told, 'patient'), {
      type: 'refused',
      reason: 'It waited for 60 s, which is the longest it may wait.',
    });
  });

  it('keeps nobody waiting who does not wait, whatever holds it up', () => {
    const settings = { tenants: { ann: { share: 1, borrows: true, quota: { cpus: 1 } } } };
    const now = (id: string, cpu: number) => ({ ...submit(id, want(cpu)), tenant: 'ann', maxWaitMs: 0 }) as QueueEvent;
    const { state, told } = replay([
      { type: 'configured', at: 0, settings },
      capacity(node(4)),
      now('a', 1),
      now('b', 2),
    ]);
    assert.deepEqual([admitted(told), waitingOf(state)], [['a'], []]);
    assert.match(String(lastTold(told, 'b')['reason']), /no room/);
    const behind = replay([submit('full', want(3)), submit('head', want(4)), now('c', 1)], state);
    assert.deepEqual(
      waitingOf(behind.state).map(({ id }) => id),
      ['head'],
    );
  });

  it('holds a tenant to its quota by product, and nobody else up for it', () => {
    const quota = { gpus: { gpu: 1 } };
    const settings = { tenants: { ann: { share: 1, borrows: true, quota } } };
    const of = (tenant: string, id: string) => ({ ...submit(id, want(0, 0, 1)), tenant }) as QueueEvent;
    const begin: QueueEvent[] = [{ type: 'configured', at: 0, settings }, capacity(node(4, 8, [24, 24, 24]))];
    const { told } = replay([...begin, of('ann', 'a1'), of('ann', 'a2'), of('bob', 'b1')]);
    assert.deepEqual(admitted(told), ['a1', 'b1']);
    assert.match((lastTold(told, 'a2')['waiting'] as { reason: string }).reason, /the quota of ann for the GPUs/);
  });

  it('asks the cheapest to make room: the lowest priority, then who has done least', () => {
    const settings = { preemption: { byPriority: true, byShare: false } };
    const at = (id: string, priority: number) => ({ ...submit(id, want(1), priority), graceMs: 1000 }) as QueueEvent;
    const holders = [at('old', 0), at('young', 0), at('higher', 1), submit('rigid', want(1))];
    const { told, state } = replay([
      { type: 'configured', at: 0, settings },
      capacity(node(4)),
      ...holders,
      at('urgent', 5),
    ]);
    assert.deepEqual(
      told.filter(({ event }) => event.type === 'preempted').map(({ id }) => id),
      ['young'],
    );
    assert.match((lastTold(told, 'urgent')['waiting'] as { reason: string }).reason, /young makes room for it$/);
    assert.deepEqual(admitted(replay([release('young')], state).told), ['urgent']);
  });

  it('estimates the start by how long the like took, with a band from short to long', () => {
    const job = (id: string) => ({ ...submit(id, want(4)), work: 'digits/train' }) as QueueEvent;
    const events: QueueEvent[] = [capacity(node(4))];
    for (const [i, minutes] of [8, 9, 10, 11, 12].entries()) {
      events.push(job(`r${i}`));
      clock += minutes * 60_000 - 1;
      events.push({ ...release(`r${i}`), hasCompleted: true } as QueueEvent);
    }
    const begun = clock;
    const { told } = replay([...events, job('now'), job('next')]);
    const { estimatedStart, earliestStart, latestStart, basis } = lastTold(told, 'next')['waiting'] as Waiting;
    const minutes = [earliestStart, estimatedStart, latestStart].map((at) => Math.round((at! - begun) / 60_000));
    assert.deepEqual([minutes, basis], [[9, 10, 11], 'the last 5 durations of digits/train']);
  });

  it('takes an admission back whose GPU somebody else had first, and keeps its place', () => {
    const events = [capacity(node(4, 8, [24])), submit('a', want(0, 0, 1)), submit('b', want(0, 0, 1))];
    const taken: QueueEvent = { type: 'slotTaken', at: ++clock, id: 'a', node: 'laptop', gpus: [0] };
    const { state } = replay([...events, taken]);
    assert.deepEqual([holdersOf(state), lineOf(state).map(({ id }) => id)], [{}, ['a', 'b']]);
    assert.deepEqual(admitted(replay([capacity(node(4, 8, [24]))], state).told), ['a']);
  });

  it('is unharmed by the release of an unknown id', () => {
    const { state } = replay([capacity(node(4)), submit('a', want(4)), submit('b', want(4))]);
    const step = reduceQueue(state, release('nobody'));
    assert.deepEqual([step.state, step.commands], [state, []]);
  });

  describe('whatever happens, in whatever order and however often', () => {
    const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const request = fc
      .record({ cpu: fc.integer({ min: 1, max: 6 }), memory: fc.integer({ min: 1, max: 12 }), gpu: fc.nat(3) })
      .map(({ cpu, memory, gpu }) => want(cpu, memory, gpu));
    const nodes = fc.array(
      fc
        .record({ cpus: fc.integer({ min: 1, max: 6 }), memory: fc.integer({ min: 1, max: 12 }), gpus: fc.nat(3) })
        .map(({ cpus, memory, gpus }) => node(cpus, memory, Array<number>(gpus).fill(24))),
      { minLength: 1, maxLength: 3 },
    );
    const named = nodes.map((list) => list.map((one, i) => ({ ...one, name: `n${i}` })));
    const event: fc.Arbitrary<(at: number) => QueueEvent> = fc.oneof(
      {
        weight: 1,
        arbitrary: named.map(
          (list) =>
            (at: number): QueueEvent => ({ type: 'capacity', at, nodes: list }),
        ),
      },
      {
        weight: 4,
        arbitrary: fc.tuple(ids, request, fc.nat(2)).map(
          ([id, wish, priority]) =>
            (at: number): QueueEvent => ({ type: 'submitted', at, id, request: wish, priority }),
        ),
      },
      {
        weight: 3,
        arbitrary: ids.map(
          (id) =>
            (at: number): QueueEvent => ({ type: 'released', at, id }),
        ),
      },
    );
    const history = fc.array(event, { maxLength: 40 }).map((makers) => makers.map((make, at) => make(at)));

    it('admits nothing beyond what a node has left, and no GPU twice', () => {
      fc.assert(
        fc.property(history, (events) => {
          let before: QueueState | undefined;
          for (const one of events) {
            const { state } = reduceQueue(before, one);
            const earlier = before ? holdersOf(before) : {};
            for (const [id, places] of Object.entries(holdersOf(state))) {
              if (earlier[id]) continue;
              for (const { node: name, held } of places) {
                const on = state.nodes.find(({ node: one }) => one.name === name)!;
                const used = usedOf(state, name);
                assert.ok(
                  used.cpus <= on.node.cpus && used.memoryBytes <= on.node.memoryBytes,
                  `${id} overfills ${name}`,
                );
                const others = Object.entries(on.held).filter(([other]) => other !== id);
                assert.ok(
                  held.share.gpus.every((gpu) => others.every(([, it]) => !it.share.gpus.includes(gpu))),
                  `${id} shares a GPU`,
                );
                assert.equal(held.share.gpus.length, held.entry.request.gpu);
              }
            }
            before = state;
          }
        }),
      );
    });

    it('starves nothing: once all holders let go, everything that fits some node has run', () => {
      fc.assert(
        fc.property(history, fc.integer({ min: 6, max: 12 }), (events, cpus) => {
          const last = capacity(node(cpus, 32, [24, 24, 24], 'big'));
          let { state } = replay([...events, last]);
          const order = lineOf(state).map(({ id }) => id);
          const ran: string[] = [];
          for (let round = 0; round < 20 && Object.keys(holdersOf(state)).length > 0; round++) {
            const next = replay([release(Object.keys(holdersOf(state))[0]!)], state);
            state = next.state;
            ran.push(...admitted(next.told));
          }
          assert.deepEqual(waitingOf(state), []);
          assert.deepEqual(ran, order);
        }),
      );
    });

    it('changes nothing when an event is repeated', () => {
      fc.assert(
        fc.property(history, (events) => {
          let state: QueueState | undefined;
          for (const one of events) {
            const { state: once } = reduceQueue(state, one);
            // A release that made room may be followed by the same id asking again: only the immediate repeat is one.
            const again = reduceQueue(once, one);
            assert.deepEqual([again.state, again.commands.filter(({ event: e }) => e.type !== 'refused')], [once, []]);
            state = once;
          }
        }),
      );
    });

    it('holds or queues an id once, never both', () => {
      fc.assert(
        fc.property(history, (events) => {
          const { state } = replay([capacity(node(4)), ...events]);
          const all = [...waitingOf(state).map(({ id }) => id), ...Object.keys(holdersOf(state))];
          assert.equal(new Set(all).size, all.length);
        }),
      );
    });
  });
});
