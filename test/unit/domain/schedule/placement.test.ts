import assert from 'node:assert/strict';
import { Cluster, shareOf } from '../../../../server/domain/schedule/cluster.ts';
import { place } from '../../../../server/domain/schedule/place.ts';
import { policyOf } from '../../../../server/domain/schedule/placement/index.ts';
import { needOf, type Request } from '../../../../server/domain/schedule/resources.ts';
import { Generator } from '../../../../server/domain/sweep/generator.ts';
import type { PolicyName } from '../../../../server/protocol/policyFile.ts';
import { ask, makeNode } from './world.ts';

const dice = Generator.seeded(1);

/** Two nodes with two GPUs each; of the first one half a GPU is taken. */
function cluster(): Cluster {
  const nodes = ['a', 'b'].map((name) => makeNode(name, 8, 2, { gpuShares: 'any' }));
  const one = new Cluster(nodes);
  const half = needOf(ask(1, 0.5));
  one.take(0, shareOf(half, { node: 0, gpus: [0], milliGpu: 500 }));
  return one;
}

/** Half of what is asked for wants half a GPU, half of it two whole ones. */
const typical = [
  { milliCpu: 0, gpus: 1, milliGpu: 500, weight: 0.5 },
  { milliCpu: 0, gpus: 2, milliGpu: 1000, weight: 0.5 },
];

function choice(policy: PolicyName, request: Request, on = cluster()): string {
  const [room] = place(on, request, policyOf(policy, typical), dice)!;
  return `${on.node(room!.node).name}${room!.gpus.join()}`;
}

describe('placement', () => {
  it('packs a fraction onto the GPU that is shared already, and spreads it onto the emptiest node', () => {
    const half = ask(1, 0.5);
    assert.equal(choice('packing', half), 'a0');
    assert.equal(choice('bestfit', half), 'a0');
    assert.equal(choice('fgd', half), 'a0');
    assert.equal(choice('spread', half), 'b0');
  });

  it('by fragmentation keeps the node whole that two GPUs at once still fit on', () => {
    assert.equal(choice('fgd', ask(1, 1)), 'a1');
    assert.equal(choice('spread', ask(1, 1)), 'b0');
  });

  it('by fragmentation counts what typical needs cannot use, as the paper has it', () => {
    // Node b, for half a GPU: nothing is lost. Before: no typical need lacks anything. With 0.7 of one GPU gone, 0.3 are
    // of no use to a half (0.5 × 300) and all 1300 to two whole ones (0.5 × 1300): 800 thousandths, eight steps down.
    const on = cluster();
    const fgd = policyOf('fgd', typical);
    assert.equal(fgd.score(on, 1, needOf(ask(1, 0.7))), -8);
    // Node a has lost the two already: 0.5 × 1500 before, 0.5 × (1500 − 700) + 0.5 × 300 after: 200 better.
    assert.equal(fgd.score(on, 0, needOf(ask(1, 0.7))), 2);
  });

  it('counts free GPUs as useless when the CPUs beside them are gone', () => {
    const hungry = [{ milliCpu: 4000, gpus: 1, milliGpu: 1000, weight: 1 }];
    const on = new Cluster([makeNode('a', 8, 2), makeNode('b', 8, 0)]);
    const fgd = policyOf('fgd', hungry);
    assert.deepEqual([fgd.score(on, 0, needOf(ask(6))), fgd.score(on, 1, needOf(ask(6)))], [-20, 0]);
  });

  it('asks anew only about nodes that have changed, and answers as if it had asked about all', () => {
    const request = ask(1, 0.5);
    const need = needOf(request);
    const on = cluster();
    let asked = 0;
    const policy = {
      ...policyOf('bestfit', []),
      score: (c: Cluster, n: number) => -c.milliCpu[n]! * Math.sign(++asked),
    };
    place(on, request, policy, dice);
    assert.equal(asked, 2);
    on.take(1, shareOf(need, { node: 1, gpus: [0], milliGpu: 500 }));
    on.take(1, shareOf(need, { node: 1, gpus: [1], milliGpu: 500 }));
    const [room] = place(on, request, policy, dice)!;
    assert.deepEqual([asked, room!.node], [3, 1]);
  });
});
