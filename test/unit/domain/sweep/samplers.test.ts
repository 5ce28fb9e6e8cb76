import assert from 'node:assert/strict';
import fc from 'fast-check';
import { eachItem } from '../../../../server/domain/sweep/pages.ts';
import { preferenceOrder } from '../../../../server/domain/sweep/pareto.ts';
import { type SamplerSpec, samplerNames } from '../../../../server/domain/sweep/samplers/index.ts';
import { sobolBits, sobolPoint } from '../../../../server/domain/sweep/samplers/sobol.ts';
import type { Goal, SweepSpec, SweepState } from '../../../../server/domain/sweep/state.ts';
import { reduceSweep } from '../../../../server/domain/sweep/sweep.ts';
import { type Params, parseSearchSpace, type SearchSpace } from '../../../../server/protocol/space.ts';
import { anySpace, assertInSpace } from './spaces.ts';

type Objective = (params: Params) => number | number[];

function specOf(space: SearchSpace, sampler: SamplerSpec, others: Partial<SweepSpec> = {}): SweepSpec {
  const goals: Goal[] = [{ metric: 'loss', goal: 'minimize' }];
  const spec: SweepSpec = {
    name: 's',
    space,
    sampler,
    stopper: null,
    goals,
    trials: 60,
    parallel: 1,
    seed: 1,
    retries: 0,
  };
  return { ...spec, ...others };
}

/** Runs a sweep to its end; `between` may exchange the state, as a restart does. */
function run(spec: SweepSpec, objective: Objective, between = (state: SweepState) => state): Params[] {
  let state = reduceSweep(undefined, { type: 'created', spec }).state;
  while (state.status !== 'ended') {
    const trial = state.active[0]!;
    const { params } = [...eachItem(state.trials)][trial]!;
    const values = [objective(params)].flat();
    state = between(reduceSweep(state, { type: 'trialEnded', trial, attempt: 0, outcome: 'finished', values }).state);
  }
  return [...eachItem(state.trials)].map(({ params }) => params);
}

const sum: Objective = (params) =>
  Object.values(params).reduce<number>((total, value) => total + (typeof value === 'number' ? value ** 2 : 1), 0);

for (const type of samplerNames) {
  const sampler: SamplerSpec = { type };
  // A fit of the Gaussian process takes milliseconds.
  const runs = type === 'gp' ? 4 : 40;
  // A generation of NSGA-II is 50 trials.
  const trials = type === 'nsga2' ? 120 : 30;
  describe(`the sampler ${type}`, function () {
    this.timeout(60_000);
    it('draws only what the space allows, conditional parameters exactly where their conditions hold', () => {
      fc.assert(
        fc.property(anySpace, fc.integer(), (space, seed) => {
          const valid = parseSearchSpace(space);
          for (const params of run(specOf(valid, sampler, { seed, trials, parallel: 3 }), sum)) {
            assertInSpace(valid, params);
          }
        }),
        { numRuns: runs },
      );
    });

    it('draws the same trials from the same seed, through any number of restarts', () => {
      fc.assert(
        fc.property(anySpace, fc.integer(), (space, seed) => {
          const spec = specOf(parseSearchSpace(space), sampler, { seed, trials });
          const restart = (state: SweepState) => JSON.parse(JSON.stringify(state)) as SweepState;
          assert.deepEqual(run(spec, sum, restart), run(spec, sum));
        }),
        { numRuns: Math.ceil(runs / 3) },
      );
    });
  });
}

describe('samplers that learn', function () {
  this.timeout(60_000);
  const box = { x: { float: [-5, 10] }, y: { float: [0, 15] } };
  const bowl: Objective = ({ x, y }) => ((x as number) - 2) ** 2 + ((y as number) - 4) ** 2;
  // Branin and Hoo, 1972; least 0.398.
  const branin: Objective = ({ x, y }) =>
    ((y as number) - (5.1 / (4 * Math.PI ** 2)) * (x as number) ** 2 + (5 / Math.PI) * (x as number) - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x as number) +
    10;
  const tree = {
    model: { choice: ['linear', 'deep'] },
    depth: { int: [1, 20], when: { model: 'deep' } },
    lr: { log: [1e-5, 1], when: { model: 'deep' } },
    l2: { log: [1e-5, 1], when: { model: 'linear' } },
  };
  const treeLoss: Objective = ({ model, depth, lr, l2 }) =>
    model === 'deep' ? ((depth as number) - 7) ** 2 / 10 + Math.abs(Math.log10(lr as number) + 3) : 3 + (l2 as number);

  /** The mean over seeds of the least loss of 40 trials. */
  const meanBest = (space: unknown, sampler: SamplerSpec, objective: Objective, seeds: number) => {
    const best = Array.from({ length: seeds }, (_, seed) => {
      const trials = run(specOf(parseSearchSpace(space), sampler, { seed, trials: 40 }), objective);
      return Math.min(...trials.map((params) => Number(objective(params))));
    });
    return best.reduce((a, b) => a + b, 0) / seeds;
  };

  const learners: [SamplerSpec, seeds: number][] = [
    [{ type: 'tpe' }, 12],
    [{ type: 'tpe', multivariate: false }, 12],
    [{ type: 'cmaes' }, 12],
    [{ type: 'gp' }, 3],
  ];
  for (const [sampler, seeds] of learners) {
    for (const [name, space, objective, least] of [
      ['a bowl', box, bowl, 0],
      ['Branin', box, branin, 0.397887],
      ['a tree', tree, treeLoss, 0],
    ] as const) {
      it(`${JSON.stringify(sampler)} comes clearly nearer than random search on ${name}`, () => {
        const regret = meanBest(space, sampler, objective, seeds) - least;
        const randomRegret = meanBest(space, { type: 'random' }, objective, 12) - least;
        assert.ok(regret < 0.6 * randomRegret, `${regret} against ${randomRegret}`);
      });
    }
  }

  it('CMA-ES follows the bent valley of Rosenbrock’s function in five dimensions', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const space = Object.fromEntries(names.map((name) => [name, { float: [-2, 2] }]));
    const rosenbrock: Objective = (params) => {
      const x = names.map((name) => params[name] as number);
      return x
        .slice(1)
        .reduce((total, next, index) => total + 100 * (next - x[index]! ** 2) ** 2 + (1 - x[index]!) ** 2, 0);
    };
    const trials = run(specOf(parseSearchSpace(space), { type: 'cmaes' }, { trials: 2500 }), rosenbrock);
    assert.ok(Math.min(...trials.map((params) => Number(rosenbrock(params)))) < 1e-6);
  });

  it('where half the space gives no number most trials go to the other half', () => {
    for (const type of ['tpe', 'cmaes', 'gp', 'nsga2'] as const) {
      const space = parseSearchSpace({ x: { float: [0, 1] } });
      const half: Objective = ({ x }) => ((x as number) > 0.5 ? Number.NaN : 1 - (x as number));
      const late = run(specOf(space, { type }, { trials: 120 }), half).slice(60);
      assert.ok(late.filter(({ x }) => (x as number) <= 0.5).length > 30, type);
    }
  });
});

describe('NSGA-II', function () {
  this.timeout(60_000);
  it('covers more of the front of ZDT1 than random search', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const space = parseSearchSpace(Object.fromEntries(names.map((name) => [name, { float: [0, 1] }])));
    // Zitzler, Deb and Thiele, 2000.
    const zdt1 = (params: Params): [number, number] => {
      const g = 1 + (9 * names.slice(1).reduce((sum, name) => sum + (params[name] as number), 0)) / 4;
      return [params.a as number, g * (1 - Math.sqrt((params.a as number) / g))];
    };
    const goals: Goal[] = ['f1', 'f2'].map((metric) => ({ metric, goal: 'minimize' }));
    const area = (type: 'nsga2' | 'random' | 'tpe') => {
      const points = run(specOf(space, { type }, { goals, trials: 500 }), zdt1).map(zdt1);
      let [covered, height] = [0, 6];
      for (const [x, y] of points.sort(([a], [b]) => a - b)) {
        if (x >= 1 || y >= height) continue;
        covered += (1 - x) * (height - y);
        height = y;
      }
      return covered;
    };
    const [nsga2, tpe, random] = [area('nsga2'), area('tpe'), area('random')];
    assert.ok(nsga2 > random + 0.5 && tpe > random + 0.5, `${nsga2}, ${tpe} against ${random} of 5.67`);
  });

  it('prefers by front, then by crowding distance', () => {
    const losses = [
      [1, 5],
      [2, 2],
      [2.1, 1.9],
      [5, 1],
      [3, 3],
      [6, 6],
    ];
    const { order, fronts } = preferenceOrder(losses);
    assert.deepEqual(fronts, [0, 0, 0, 0, 1, 2]);
    assert.deepEqual(order, [0, 3, 1, 2, 4, 5]);
  });
});

describe('Sobol’ points', function () {
  this.timeout(60_000);
  it('unscrambled are those of new-joe-kuo-6', () => {
    // SciPy 1.17, stats.qmc.Sobol(d, scramble=False), in natural instead of Gray-code order.
    const sixth = [0, 1, 2, 63].map((coordinate) => sobolBits(6, coordinate) / 2 ** 32);
    assert.deepEqual(sixth, [0.375, 0.375, 0.625, 0.125]);
  });

  it('put one of the first 2^k points into each of 2^k equal intervals of every coordinate', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 63 }), (seed, coordinate) => {
        const intervals = Array.from({ length: 64 }, (_, number) =>
          Math.floor(sobolPoint(number, 64, seed)[coordinate]! * 64),
        );
        assert.equal(new Set(intervals).size, 64);
      }),
      { numRuns: 10 },
    );
  });
});

describe('random search', () => {
  it('gives every value of a discrete parameter the same chance, and of logInt on the log scale', () => {
    const space = parseSearchSpace({
      n: { int: [1, 4] },
      x: { float: [0, 0.9], step: 0.3 },
      units: { logInt: [1, 3] },
    });
    const trials = run(specOf(space, { type: 'random' }, { trials: 6000 }), sum);
    const share = (name: string, value: number) => trials.filter((params) => params[name] === value).length / 6000;
    for (const n of [1, 2, 3, 4]) assert.ok(Math.abs(share('n', n) - 1 / 4) < 0.03);
    for (const x of [0, 0.3, 0.6, 0.9]) assert.ok(Math.abs(share('x', x) - 1 / 4) < 0.03);
    assert.ok(Math.abs(share('units', 1) - Math.log(3) / Math.log(7)) < 0.03);
  });
});

describe('grid search', () => {
  it('tries every combination once and then ends the sweep', () => {
    const space = parseSearchSpace({
      act: { choice: ['relu', 'tanh'] },
      units: { int: [16, 64], step: 16 },
      slope: { choice: [0.1, 0.2], when: { act: 'relu' } },
    });
    const trials = run(specOf(space, { type: 'grid' }, { trials: 1000 }), sum);
    assert.equal(trials.length, 4 * 2 + 4);
    assert.equal(new Set(trials.map((params) => JSON.stringify(params))).size, trials.length);
  });

  it('cuts a continuous parameter into as many points as the budget affords, ends included', () => {
    const space = parseSearchSpace({ lr: { log: [0.001, 1] }, act: { choice: ['relu', 'tanh'] } });
    const trials = run(specOf(space, { type: 'grid' }, { trials: 8 }), sum);
    const rates = [...new Set(trials.map(({ lr }) => Number((lr as number).toPrecision(12))))];
    assert.deepEqual([trials.length, rates], [8, [0.001, 0.01, 0.1, 1]]);
  });
});
