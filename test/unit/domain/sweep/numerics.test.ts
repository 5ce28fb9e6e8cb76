import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Generator } from '../../../../server/domain/sweep/generator.ts';
import {
  choleskyOf,
  dot,
  eigenOf,
  multiply,
  solveLower,
  solveUpper,
  transpose,
} from '../../../../server/domain/sweep/linear-algebra.ts';
import { normalCdf, normalMass, truncatedNormal } from '../../../../server/domain/sweep/normal.ts';

const near = (actual: number, expected: number, relative = 1e-9) =>
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(Math.abs(expected), 1e-300),
    `${actual} for ${expected}`,
  );

describe('the normal distribution', () => {
  it('has the values of SciPy’s ndtr, far tails included', () => {
    near(normalCdf(0.5), 0.6914624612740131);
    near(normalCdf(-3), 0.00134989803163009);
    near(normalCdf(-10), 7.61985302416047e-24, 1e-6);
    near(normalMass(9, 10), 1.1285122074e-19, 1e-6);
  });

  it('truncated stays in the unit interval', () => {
    const random = Generator.seeded(3);
    for (const mean of [0, 0.5, 1]) {
      for (let nth = 0; nth < 200; nth++) {
        const value = truncatedNormal(random, mean, 1);
        assert.ok(value >= 0 && value <= 1);
      }
    }
  });
});

describe('linear algebra', () => {
  const anySquare = fc.integer({ min: 1, max: 6 }).chain((size) =>
    fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: size, maxLength: size }), {
      minLength: size,
      maxLength: size,
    }),
  );
  /** A·Aᵀ + 1, symmetric and positive definite. */
  const positive = (a: number[][]) => a.map((row, i) => a.map((other, j) => dot(row, other) + Number(i === j)));

  it('finds eigenvectors that the matrix only stretches', () => {
    fc.assert(
      fc.property(anySquare, (square) => {
        const matrix = positive(square);
        const { values, vectors } = eigenOf(matrix);
        for (const [index, vector] of transpose(vectors).entries()) {
          near(dot(vector, vector), 1);
          for (const [row, stretched] of multiply(matrix, vector).entries()) {
            assert.ok(Math.abs(stretched - values[index]! * vector[row]!) < 1e-9 * 600);
          }
        }
      }),
    );
  });

  it('solves by Cholesky, and refuses what is not positive definite', () => {
    fc.assert(
      fc.property(anySquare, (square) => {
        const matrix = positive(square);
        const b = matrix.map((_, index) => index + 1);
        const lower = choleskyOf(matrix.map((row) => Float64Array.from(row)))!;
        const x = [...solveUpper(lower, solveLower(lower, b))];
        for (const [index, value] of multiply(matrix, x).entries()) assert.ok(Math.abs(value - b[index]!) < 1e-6);
      }),
    );
    assert.equal(choleskyOf([Float64Array.of(-1)]), undefined);
  });
});
