/** Small dense symmetric matrices, as rows of numbers. */

export type Matrix = readonly (readonly number[])[];

export function identity(size: number): Matrix {
  return Array.from({ length: size }, (_, row) => Array.from({ length: size }, (_, column) => Number(row === column)));
}

export function multiply(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => dot(row, vector));
}

export function transpose(matrix: Matrix): Matrix {
  return matrix.map((_, column) => matrix.map((row) => row[column]!));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/**
 * Eigenvalues, and eigenvectors as columns, by cyclic Jacobi rotations: Golub and Van Loan, "Matrix computations",
 * section 8.5.
 */
export function eigenOf(symmetric: Matrix): { values: number[]; vectors: Matrix } {
  const size = symmetric.length;
  const a = symmetric.map((row) => [...row]);
  const vectors = identity(size).map((row) => [...row]);
  for (let sweep = 0; sweep < 60 && offDiagonal(a) > 1e-30 * Math.max(traceSquare(a), 1e-300); sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, vectors, p, q);
    }
  }
  return { values: a.map((row, index) => row[index]!), vectors };
}

function rotate(a: number[][], vectors: number[][], p: number, q: number): void {
  const off = a[p]![q]!;
  if (off === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
  const tangent = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  const turn = (row: number[]) => {
    const [x, y] = [row[p]!, row[q]!];
    row[p] = cosine * x - sine * y;
    row[q] = sine * x + cosine * y;
  };
  a.forEach(turn);
  const [rowP, rowQ] = [a[p]!, a[q]!];
  for (let column = 0; column < a.length; column++) {
    const [x, y] = [rowP[column]!, rowQ[column]!];
    rowP[column] = cosine * x - sine * y;
    rowQ[column] = sine * x + cosine * y;
  }
  vectors.forEach(turn);
}

function offDiagonal(a: Matrix): number {
  return a.reduce((sum, row, index) => row.reduce((rest, x, column) => rest + (column === index ? 0 : x * x), sum), 0);
}

function traceSquare(a: Matrix): number {
  return a.reduce((sum, row, index) => sum + row[index]! ** 2, 0);
}

/** The lower triangle L with L·Lᵀ = the matrix; undefined if it is not positive definite. */
export function choleskyOf(symmetric: readonly Float64Array[]): Float64Array[] | undefined {
  const lower: Float64Array[] = [];
  for (const [row, entries] of symmetric.entries()) {
    const current = new Float64Array(symmetric.length);
    for (let column = 0; column <= row; column++) {
      const other = column === row ? current : lower[column]!;
      let sum = entries[column]!;
      for (let index = 0; index < column; index++) sum -= current[index]! * other[index]!;
      if (column < row) current[column] = sum / other[column]!;
      else if (sum > 0) current[row] = Math.sqrt(sum);
      else return undefined;
    }
    lower.push(current);
  }
  return lower;
}

/** x with L·x = b. */
export function solveLower(lower: readonly Float64Array[], b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(lower.length);
  for (let row = 0; row < lower.length; row++) {
    const entries = lower[row]!;
    let sum = b[row]!;
    for (let column = 0; column < row; column++) sum -= entries[column]! * x[column]!;
    x[row] = sum / entries[row]!;
  }
  return x;
}

/** x with Lᵀ·x = b. */
export function solveUpper(lower: readonly Float64Array[], b: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(b);
  for (let row = lower.length - 1; row >= 0; row--) {
    const entries = lower[row]!;
    x[row]! /= entries[row]!;
    for (let column = 0; column < row; column++) x[column]! -= entries[column]! * x[row]!;
  }
  return x;
}
