import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type EndpointCommand,
  type EndpointEvent,
  type EndpointState,
  reduceEndpoint,
  type ServePlan,
} from '../../../../server/domain/endpoint/endpoint.ts';

type Without<E> = E extends EndpointEvent ? Omit<E, 'at'> : never;
type Happening = Without<EndpointEvent>;

const plan: ServePlan = {
  framework: 'fastapi',
  entry: 'serve.py',
  code: 'c'.repeat(32),
  folder: '/home/u/digits',
  env: {},
  model: 'd'.repeat(32),
  receipt: 'e'.repeat(64),
  replicas: 2,
};

function deploy(revision: string, rollout: string, replicas = 2): Happening {
  const endpoint = { name: 'digits', project: 'digits', model: 'digits', access: 'private' } as const;
  const modelVersion = `digits@${revision}`;
  return { type: 'deploy', ...endpoint, revision, modelVersion, plan: { ...plan, replicas }, rollout };
}

const ready = (replica: string): Happening => ({ type: 'replicaReady', replica });
const ended = (replica: string): Happening => ({ type: 'replicaEnded', replica, reason: 'exit status 1' });
const weights = (all: Record<string, number>): Happening => ({ type: 'weights', weights: all });

function replay(
  events: readonly Happening[],
  start?: EndpointState,
): { state: EndpointState; commands: EndpointCommand[] } {
  let state = start;
  const commands: EndpointCommand[] = [];
  for (const [at, event] of events.entries()) {
    // As with a gateway that reads its routes at once.
    const routed: Happening[] = event.type === 'replicaReady' ? [{ type: 'routed', replicas: [event.replica] }] : [];
    for (const one of [event, ...routed]) {
      const step = reduceEndpoint(state, { at, ...one } as EndpointEvent);
      state = step.state;
      commands.push(...step.commands);
    }
  }
  return { state: state!, commands };
}

const started = (commands: readonly EndpointCommand[]) => {
  return commands.flatMap((command) => (command.type === 'endpoint.startReplica' ? [command.replica] : []));
};
const toRollout = (commands: readonly EndpointCommand[]) => {
  return commands.flatMap((command) => (command.type === 'send' ? [[command.to.id, command.event.type]] : []));
};

/** v5 serves with all the traffic, no rollout in progress. */
const serving: Happening[] = [
  deploy('v5', 'l1'),
  ready('e-digits-v5-0-1'),
  ready('e-digits-v5-1-1'),
  weights({ v5: 100 }),
  { type: 'rolloutOver', rollout: 'l1' },
];

describe('endpoint', () => {
  it('tells the rollout that a revision is ready once all its replicas are', () => {
    const one = replay([deploy('v5', 'l1'), ready('e-digits-v5-0-1')]);
    assert.deepEqual(toRollout(one.commands), []);
    const both = replay([ready('e-digits-v5-1-1')], one.state);
    assert.deepEqual(toRollout(both.commands), [['l1', 'ready']]);
    assert.equal(both.state.revisions['v5']!.status, 'ready');
  });

  it('takes a replica for ready when the gateway knows it, not when it says so itself', () => {
    const { state } = replay([deploy('v5', 'l1', 1)]);
    const tell = (before: EndpointState, event: Happening) =>
      reduceEndpoint(before, { at: 9, ...event } as EndpointEvent);
    const answering = tell(state, ready('e-digits-v5-0-1'));
    assert.deepEqual(answering.commands, [{ type: 'endpoint.writeRoutes', lane: 'routes' }]);
    assert.equal(answering.state.revisions['v5']!.status, 'starting');
    const unknown = tell(answering.state, { type: 'routed', replicas: ['e-digits-v5-0-2'] });
    assert.equal(unknown.state, answering.state);
    const routed = tell(answering.state, { type: 'routed', replicas: ['e-digits-v5-0-1'] });
    assert.equal(routed.state.revisions['v5']!.status, 'ready');
    assert.deepEqual(toRollout(routed.commands), [['l1', 'ready']]);
    assert.equal(tell(routed.state, { type: 'routed', replicas: ['e-digits-v5-0-1'] }).state, routed.state);
  });

  it('writes the routes in the order of the changes, and before the replicas of a retired revision stop', () => {
    const { commands } = replay([{ type: 'retire', revision: 'v5' }], replay(serving).state);
    assert.deepEqual(
      commands.map(({ type }) => type),
      ['endpoint.writeRoutes', 'endpoint.stopReplica', 'endpoint.stopReplica'],
    );
    assert.equal(new Set(commands.map((command) => 'lane' in command && command.lane)).size, 1);
  });

  it('fails a revision that is being judged with the first death after it was ready', () => {
    const judged = [deploy('v6', 'l2', 1), ready('e-digits-v6-0-1')];
    const { state, commands } = replay([...judged, ended('e-digits-v6-0-1')], replay(serving).state);
    assert.equal(state.revisions['v6']!.status, 'failed');
    assert.deepEqual(toRollout(commands).at(-1), ['l2', 'failed']);
    assert.deepEqual(started(commands), ['e-digits-v6-0-1']);
  });

  it('starts a replica of a serving revision again for ever, its traffic kept', () => {
    let { state } = replay(serving);
    for (let attempt = 1; attempt <= 20; attempt++) {
      const step = replay([ended(`e-digits-v5-0-${attempt}`)], state);
      assert.deepEqual(started(step.commands), [`e-digits-v5-0-${attempt + 1}`]);
      state = step.state;
    }
    assert.deepEqual([state.revisions['v5']!.weight, state.revisions['v5']!.replicas[0]!.failures], [100, 20]);
  });

  it('counts failures in a row only: a replica that was ready starts from none', () => {
    const { state } = replay([ended('e-digits-v5-0-1'), ready('e-digits-v5-0-2')], replay(serving).state);
    assert.equal(state.revisions['v5']!.replicas[0]!.failures, 0);
  });

  it('tries a revision that never got ready twice, then fails it', () => {
    const { state, commands } = replay([deploy('v5', 'l1', 1), ended('e-digits-v5-0-1'), ended('e-digits-v5-0-2')]);
    assert.equal(state.revisions['v5']!.status, 'failed');
    assert.deepEqual(toRollout(commands), [['l1', 'failed']]);
  });

  it('takes a replica that could not be started for one that ended', () => {
    const failed = (replica: string): Happening => {
      return { type: 'commandFailed', failed: { type: 'endpoint.startReplica', replica }, message: 'no port' };
    };
    const { commands } = replay([deploy('v5', 'l1', 1), failed('e-digits-v5-0-1'), failed('e-digits-v5-0-2')]);
    assert.deepEqual(toRollout(commands), [['l1', 'failed']]);
  });

  it('counts attempts on when a retired version comes back, so that no id names two processes', () => {
    const events: Happening[] = [...serving, { type: 'retire', revision: 'v5' }, deploy('v5', 'l2')];
    const all = started(replay(events).commands);
    assert.equal(new Set(all).size, 4);
  });

  it('tells a rollout at once when its revision is ready already', () => {
    const { commands } = replay([deploy('v5', 'l2')], replay(serving).state);
    assert.deepEqual(commands.length, 1);
    assert.deepEqual(toRollout(commands), [['l2', 'ready']]);
  });

  it('gives weight to those that are named, and none to the others', () => {
    const { state } = replay(
      [deploy('v6', 'l2'), weights({ v6: 25, v5: 75 }), weights({ v6: 100 })],
      replay(serving).state,
    );
    assert.deepEqual([state.revisions['v5']!.weight, state.revisions['v6']!.weight], [0, 100]);
  });

  describe('that is deleted', () => {
    const remove: Happening = { type: 'deleted', dependents: [] };

    it('takes the routes away before its replicas stop, says what it served, and does so once', () => {
      const { state } = replay(serving);
      const step = reduceEndpoint(state, { at: 9, ...remove } as EndpointEvent);
      assert.deepEqual(
        step.commands.map(({ type }) => type),
        ['endpoint.writeRoutes', 'endpoint.stopReplica', 'endpoint.stopReplica'],
      );
      assert.deepEqual(step.receipts[0]!.evidence['serving'], ['digits@v5']);
      assert.equal(step.state.revisions['v5']!.status, 'retired');
      const again = reduceEndpoint(step.state, { at: 10, ...remove } as EndpointEvent);
      assert.deepEqual([again.commands, again.receipts], [[], []]);
    });

    it('stays while a rollout goes on', () => {
      const { state, commands } = replay([deploy('v6', 'l2'), remove], replay(serving).state);
      assert.ok(!state.isDeleted);
      assert.ok(!commands.some(({ type }) => type === 'endpoint.stopReplica'));
    });

    it('comes back with a later deployment, and names no process twice', () => {
      const { state, commands } = replay([remove, deploy('v5', 'l2', 1)], replay(serving).state);
      assert.equal(state.isDeleted, undefined);
      assert.deepEqual(started(commands), ['e-digits-v5-0-2']);
    });
  });

  it('does not take a dead replica for ready because the news of it comes late', () => {
    const { state } = replay([
      deploy('v6', 'l2', 1),
      ready('e-digits-v6-0-1'),
      ended('e-digits-v6-0-1'),
      ready('e-digits-v6-0-1'),
    ]);
    assert.equal(state.revisions['v6']!.status, 'failed');
  });

  describe('whatever happens, in whatever order and however often', () => {
    const revision = fc.constantFrom('v5', 'v5', 'v6');
    const replica = fc
      .tuple(revision, fc.nat(1), fc.integer({ min: 1, max: 4 }))
      .map(([name, index, attempt]) => `e-digits-${name}-${index}-${attempt}`);
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      fc.tuple(revision, fc.constantFrom('l1', 'l2'), fc.integer({ min: 1, max: 2 })).map((args) => deploy(...args)),
      replica.map(ready),
      replica.map(ended),
      fc.record({ v5: fc.nat(100), v6: fc.nat(100) }).map(weights),
      revision.map((name): Happening => ({ type: 'retire', revision: name })),
      fc.constantFrom('l1', 'l2').map((rollout): Happening => ({ type: 'rolloutOver', rollout })),
    );
    const history = fc
      .array(fc.oneof(happening, replica.map(ended)), { minLength: 10, maxLength: 60 })
      .map((events) => [deploy('v5', 'l1'), ...events]);

    it('starts each replica id once', () => {
      fc.assert(
        fc.property(history, (events) => {
          const all = started(replay(events).commands);
          assert.equal(new Set(all).size, all.length);
        }),
        { numRuns: 500 },
      );
    });

    it('gives a retired revision no traffic', () => {
      fc.assert(
        fc.property(history, (events) => {
          for (const { status, weight } of Object.values(replay(events).state.revisions)) {
            if (status === 'retired') assert.equal(weight, 0);
          }
        }),
      );
    });

    it('calls a revision ready exactly when all its replicas are', () => {
      fc.assert(
        fc.property(history, (events) => {
          for (const { status, replicas } of Object.values(replay(events).state.revisions)) {
            assert.equal(
              status === 'ready',
              replicas.every((one) => one.status === 'ready'),
            );
          }
        }),
        { numRuns: 500 },
      );
    });

    it('leaves no started replica behind: each is a replica of now, was seen to end, or is stopped', () => {
      fc.assert(
        fc.property(history, (events) => {
          const { state, commands } = replay(events);
          const now = Object.values(state.revisions).flatMap((one) => one.replicas.map(({ id }) => id));
          const gone = events.flatMap((event) => (event.type === 'replicaEnded' ? [event.replica] : []));
          const stopped = commands.flatMap((command) =>
            command.type === 'endpoint.stopReplica' ? [command.replica] : [],
          );
          const known = new Set([...now, ...gone, ...stopped]);
          assert.deepEqual(
            started(commands).filter((id) => !known.has(id)),
            [],
          );
        }),
        { numRuns: 500 },
      );
    });
  });
});
