import assert from 'node:assert/strict';
import type { DriftTest } from '../../../../server/domain/drift/compare.ts';
import { jensenShannon, kolmogorovDistance, stabilityIndex } from '../../../../server/domain/drift/compare.ts';
import { type DriftRules, judgeWindow } from '../../../../server/domain/drift/judgeWindow.ts';
import { type NumberFeature, referenceOf, type Value } from '../../../../server/domain/drift/reference.ts';
import { chiSquareTail, kolmogorovTail } from '../../../../server/domain/drift/tailProbability.ts';
import { Generator } from '../../../../server/domain/sweep/generator.ts';

const TESTS: { test: DriftTest; threshold: number }[] = [
  { test: 'psi', threshold: 0.2 },
  { test: 'ks', threshold: 0.15 },
  { test: 'chi2', threshold: 0.15 },
  { test: 'js', threshold: 0.2 },
];
const rules = (changes: Partial<DriftRules>): DriftRules => {
  return { test: 'psi', threshold: 0.2, falseAlarmRate: 0.001, minRows: 100, ...changes };
};

/** Columns as tables have them: a skewed number, levels with many zeros, a number with gaps, a category. */
function table(random: Generator, rows: number): Record<string, Value[]> {
  const fill = (value: () => Value) => Array.from({ length: rows }, value);
  return {
    price: fill(() => Math.exp(random.normal())),
    level: fill(() => Math.max(0, Math.round(8 * random.normal()))),
    age: fill(() => (random.uniform() < 0.1 ? null : 40 + 10 * random.normal())),
    city: fill(() => ['Seoul', 'Busan', 'Daegu', 'Jeju'][Math.floor(4 * random.uniform() ** 2)]!),
    constant: fill(() => 0),
  };
}

function referenceTable(random: Generator, rows = 2000) {
  return Object.entries(table(random, rows)).map(([name, column]) => referenceOf(name, column));
}

describe('drift', () => {
  it('has the tails of the tables', () => {
    const near = (actual: number, expected: number) => assert.ok(Math.abs(actual / expected - 1) < 2e-4, `${actual}`);
    // Abramowitz & Stegun, table 26.8, and Kolmogorov's 1.358 for 5 %.
    near(chiSquareTail(3.84146, 1), 0.05);
    near(chiSquareTail(18.307, 10), 0.05);
    near(chiSquareTail(29.5883, 10), 0.001);
    near(chiSquareTail(0.0158, 1), 0.9);
    const root = Math.sqrt(5000);
    near(kolmogorovTail(1.3581 / (root + 0.12 + 0.11 / root), 10_000, 10_000), 0.05);
    assert.equal(chiSquareTail(0, 3), 1);
    assert.equal(kolmogorovTail(0, 10, 10), 1);
  });

  it('has the effects of their definitions', () => {
    const halves = [1_000_000, 1_000_000];
    const shifted = [1_500_000, 500_000];
    // 0.25 ln 1.5 − 0.25 ln 0.5.
    assert.ok(Math.abs(stabilityIndex(halves, shifted) - 0.25 * Math.log(3)) < 1e-5);
    assert.equal(jensenShannon([5, 0], [0, 9]), 1);
    assert.equal(jensenShannon([5, 10], [1, 2]), 0);
    const reference = referenceOf('x', [1, 2, 3, 4]) as NumberFeature;
    assert.equal(kolmogorovDistance(reference, [1, 2, 3, 4]), 0);
    assert.equal(kolmogorovDistance(reference, [5, 6]), 1);
    assert.equal(kolmogorovDistance(reference, [3, 4]), 0.5);
  });

  it('raises alarms without drift no more often than stated, whatever the threshold', () => {
    for (const { test } of TESTS) {
      const random = Generator.seeded(7);
      let alarms = 0;
      for (let window = 0; window < 300; window++) {
        const reference = referenceTable(random, 1000);
        const judged = judgeWindow(
          reference,
          table(random, 400),
          rules({ test, threshold: 1e-9, falseAlarmRate: 0.05 }),
        );
        if (judged.verdict === 'drifted') alarms++;
      }
      // Holm promises at most 15 of 300; more than 26 has a probability below 0.4 % then.
      assert.ok(alarms <= 26, `${test}: ${alarms} of 300`);
    }
  });

  for (const { test, threshold } of TESTS) {
    it(`finds a shift, a new mix and new values by ${test}, and names them`, () => {
      const random = Generator.seeded(3);
      const reference = referenceTable(random);
      const judge = (columns: Record<string, Value[]>) => judgeWindow(reference, columns, rules({ test, threshold }));
      assert.equal(judge(table(random, 500)).verdict, 'steady');
      const drifted = (columns: Record<string, Value[]>) => {
        const judgement = judge({ ...table(random, 500), ...columns });
        assert.equal(judgement.verdict, 'drifted');
        return [judgement.comparisons[0]!.feature, judgement.comparisons[0]!.aspect, judgement.reason] as const;
      };
      const fresh = table(random, 500);
      assert.deepEqual(drifted({ age: fresh['age']!.map((age) => age && (age as number) + 8) }).slice(0, 2), [
        'age',
        'distribution',
      ]);
      assert.equal(drifted({ constant: fresh['constant']!.map((_, row) => row % 2) })[0], 'constant');
      const [feature, aspect, reason] = drifted({ age: fresh['age']!.map((age, row) => (row % 3 === 0 ? null : age)) });
      assert.deepEqual([feature, aspect], ['age', 'missing']);
      assert.match(reason, /more values are missing/);
      const abroad = drifted({ city: fresh['city']!.map((city, row) => (row % 20 === 0 ? 'Tokyo' : city)) });
      assert.deepEqual(abroad.slice(0, 2), ['city', 'newCategories']);
      assert.match(abroad[2], /such as "Tokyo"/);
    });
  }

  it('asks for rows before it judges', () => {
    const random = Generator.seeded(1);
    const judgement = judgeWindow(referenceTable(random), table(random, 99), rules({}));
    assert.equal(judgement.verdict, 'inconclusive');
    assert.match(judgement.reason, /99 of at least 100/);
  });

  it('takes NaN and the empty text as missing, infinities as values', () => {
    const feature = referenceOf('x', [1, Number.NaN, Number.POSITIVE_INFINITY, 2, null]);
    assert.deepEqual([feature.kind, feature.rows, feature.missing], ['number', 5, 2]);
    assert.deepEqual([referenceOf('y', ['', 'a']).missing, referenceOf('y', ['', 'a']).kind], [1, 'category']);
  });
});
