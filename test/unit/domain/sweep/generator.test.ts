import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Generator, type GeneratorState } from '../../../../server/domain/sweep/generator.ts';

describe('the generator', () => {
  it('is xoshiro128** 1.1: the sequence of the authors’ C code from state 1, 2, 3, 4', () => {
    const random = Generator.restore([1, 2, 3, 4]);
    const sequence = Array.from({ length: 5 }, () => random.uint32());
    assert.deepEqual(sequence, [11520, 0, 5927040, 70819200, 2031721883]);
  });

  it('goes on after a snapshot through JSON as if nothing had been', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(20), (seed, draws) => {
        const random = Generator.seeded(seed);
        for (let nth = 0; nth < draws; nth++) random.normal();
        const restored = Generator.restore(JSON.parse(JSON.stringify(random.snapshot())) as GeneratorState);
        assert.deepEqual([restored.uint32(), restored.uniform()], [random.uint32(), random.uniform()]);
      }),
    );
  });

  it('draws normals of mean 0 and variance 1 and uniforms of mean a half', () => {
    const random = Generator.seeded(1);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const normals = Array.from({ length: 20000 }, () => random.normal());
    assert.ok(Math.abs(mean(normals)) < 0.03);
    assert.ok(Math.abs(mean(normals.map((value) => value * value)) - 1) < 0.05);
    assert.ok(Math.abs(mean(Array.from({ length: 20000 }, () => random.uniform())) - 0.5) < 0.01);
  });
});
