/** Search spaces for property tests, and what has to hold for the parameters that samplers draw from them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ParamSpec, Params, ParamValue, SearchSpace } from '../../../../server/protocol/space.ts';

const number = fc.integer({ min: -40, max: 40 });
const positive = fc.integer({ min: 1, max: 400 });
const ascending = (from: fc.Arbitrary<number>) =>
  fc.tuple(from, from).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);

const anyParam: fc.Arbitrary<ParamSpec> = fc.oneof(
  ascending(positive).map(([a, b]) => ({ log: [a / 100, b / 100] as [number, number] })),
  ascending(number).map((float) => ({ float })),
  fc.tuple(ascending(number), positive).map(([float, step]) => ({ float, step: step / 10 })),
  fc.tuple(ascending(number), fc.integer({ min: 1, max: 9 })).map(([int, step]) => ({ int, step })),
  ascending(positive).map((logInt) => ({ logInt })),
  fc
    .uniqueArray(fc.oneof(fc.string(), number, fc.boolean()), { minLength: 1, maxLength: 5 })
    .map((choice) => ({ choice })),
  number.map((value) => ({ const: value })),
);

/** A choice `a`, what depends on it, what depends on that, and more beside. */
export const anySpace: fc.Arbitrary<SearchSpace> = fc
  .record({
    more: fc.dictionary(fc.stringMatching(/^[c-z][a-z.]{0,3}$/), anyParam, { maxKeys: 4 }),
    child: anyParam,
    twin: anyParam,
    grandchild: anyParam,
  })
  .map(({ more, child, twin, grandchild }) => ({
    'a.grandchild': { ...grandchild, when: { b: [1, 2], a: 'x' } },
    'a.child': { ...child, when: { a: 'x' } },
    'a.twin': { ...twin, when: { a: ['x'] } },
    a: { choice: ['x', 'y'] },
    b: { int: [1, 3] as [number, number], when: { a: ['x', 'y'] } },
    ...more,
  }));

/** Every active parameter is there with a value that it can take, and no other is. */
export function assertInSpace(space: SearchSpace, params: Params): void {
  for (const [name, spec] of Object.entries(space)) {
    const active = Object.entries(spec.when ?? {}).every(([parent, allowed]) =>
      [allowed].flat().includes(params[parent]!),
    );
    assert.equal(Object.hasOwn(params, name), active, `${name} in ${JSON.stringify(params)}`);
    if (active) assert.ok(canBe(spec, params[name]!), `${name} = ${params[name]} of ${JSON.stringify(spec)}`);
  }
  assert.deepEqual(
    Object.keys(params).filter((name) => !Object.hasOwn(space, name)),
    [],
  );
}

function canBe(spec: ParamSpec, value: ParamValue): boolean {
  if ('choice' in spec) return spec.choice.includes(value);
  if ('const' in spec) return value === spec.const;
  if (typeof value !== 'number') return false;
  const within = ([low, high]: [number, number]) => value >= low && value <= high;
  const onGrid = (low: number, step: number) =>
    Math.abs((value - low) / step - Math.round((value - low) / step)) < 1e-9;
  if ('log' in spec) return within(spec.log);
  if ('logInt' in spec) return within(spec.logInt) && Number.isInteger(value);
  if ('int' in spec) return within(spec.int) && Number.isInteger(value) && onGrid(spec.int[0], spec.step ?? 1);
  return within(spec.float) && (spec.step === undefined || onGrid(spec.float[0], spec.step));
}
