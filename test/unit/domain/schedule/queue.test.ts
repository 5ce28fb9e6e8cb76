import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  freeOn,
  type QueueEvent,
  type QueueNode,
  type QueueState,
  type Request,
  reduceQueue,
} from '../../../../server/domain/schedule/queue.ts';

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
    assert.deepEqual([Object.keys(state.holding), state.waiting.map(({ id }) => id)], [['a'], ['b']]);
  });

  it('takes one out of the line that gives up waiting', () => {
    const events = [capacity(node(4)), submit('a', want(4)), submit('b', want(4)), submit('c', want(4))];
    const { state } = replay([...events, { type: 'released', at: ++clock, id: 'b' }]);
    assert.deepEqual([Object.keys(state.holding), state.waiting.map(({ id }) => id)], [['a'], ['c']]);
  });

  it('never lets a small one overtake the head of the line', () => {
    const events = [capacity(node(4)), submit('holder', want(3)), submit('big', want(4)), submit('small', want(1))];
    assert.deepEqual(admitted(replay(events).told), ['holder']);
    assert.deepEqual(admitted(replay([...events, release('holder')]).told), ['holder', 'big']);
  });

  it('says why one waits, at which place and behind whom', () => {
    const events = [capacity(node(4)), submit('holder', want(3)), submit('big', want(4)), submit('small', want(1))];
    const { told } = replay(events);
    const head = { reason: 'waits for 4 CPUs to become free', position: 1, ahead: [], since: clock - 1 };
    assert.deepEqual(lastTold(told, 'big')['waiting'], head);
    const second = { reason: 'waits behind one other', position: 2, ahead: ['big'], since: clock };
    assert.deepEqual(lastTold(told, 'small')['waiting'], second);
  });

  it('tells a place again only when it has changed', () => {
    const { state } = replay([capacity(node(4)), submit('holder', want(4)), submit('next', want(1))]);
    assert.deepEqual(replay([capacity(node(4))], state).told, []);
  });

  it('refuses at once what no node can ever hold, and says what there is', () => {
    const { state, told } = replay([capacity(node(4, 8)), submit('huge', want(64))]);
    assert.match(String(told[0]!.event['reason']), /64 CPUs.*laptop has 4 CPUs, 8\.0 GiB memory, 0 GPUs/);
    assert.deepEqual(state.waiting, []);
  });

  it('refuses a fraction of a GPU', () => {
    const { told } = replay([capacity(node(4, 8, [24])), submit('share', want(1, 1, 0.5))]);
    assert.equal(told[0]!.event.type, 'refused');
  });

  it('waits for a GPU that a foreign process uses, rather than refusing', () => {
    const busy = node(4, 8, [24]);
    busy.gpus[0]!.busy = true;
    const { state, told } = replay([capacity(busy), submit('train', want(1, 1, 1))]);
    assert.match(String((lastTold(told, 'train')['waiting'] as { reason: string }).reason), /1 GPUs/);
    assert.deepEqual(admitted(replay([capacity(node(4, 8, [24]))], state).told), ['train']);
  });

  it('gives the smallest GPUs whose memory suffices', () => {
    const { state } = replay([capacity(node(8, 64, [80, 24, 40])), submit('train', want(1, 1, 1, 30))]);
    assert.deepEqual(state.holding['train']!.gpus, [2]);
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
          let state: QueueState | undefined;
          for (const one of events) {
            const before: QueueState | undefined = state;
            state = reduceQueue(before, one).state;
            for (const [id, held] of Object.entries(state.holding)) {
              if (before?.holding[id] === held) continue;
              const on = state.nodes.find(({ name }) => name === held.node)!;
              const left = freeOn(on, state.holding);
              assert.ok(left.cpu >= 0 && left.memoryBytes >= 0, `${id} overfills ${held.node}`);
              const others: [string, { node: string; gpus: number[] }][] = Object.entries(state.holding).filter(
                ([other, it]) => other !== id && it.node === held.node,
              );
              assert.ok(
                held.gpus.every((gpu) => others.every(([, it]) => !it.gpus.includes(gpu))),
                `${id} shares a GPU`,
              );
              assert.equal(held.gpus.length, held.request.gpu);
            }
          }
        }),
      );
    });

    it('starves nothing: once all holders let go, everything that fits some node has run, first come first', () => {
      fc.assert(
        fc.property(history, fc.integer({ min: 6, max: 12 }), (events, cpus) => {
          const last = capacity(node(cpus, 32, [24, 24, 24], 'big'));
          let { state } = replay([...events, last]);
          const order = state.waiting.map(({ id }) => id);
          const ran: string[] = [];
          for (let round = 0; round < 20 && Object.keys(state.holding).length > 0; round++) {
            const next = replay([release(Object.keys(state.holding)[0]!)], state);
            state = next.state;
            ran.push(...admitted(next.told));
          }
          assert.deepEqual(state.waiting, []);
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
          const all = [...state.waiting.map(({ id }) => id), ...Object.keys(state.holding)];
          assert.equal(new Set(all).size, all.length);
        }),
      );
    });
  });
});
