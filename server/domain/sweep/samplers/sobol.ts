/**
 * Sobol' points: like random search, but evenly spread. Scrambled by a random linear matrix and a digital shift, both
 * from the seed: J. Matoušek, "On the L2-discrepancy for anchored boxes", J. Complexity 14, 1998. Every parameter owns
 * a coordinate, whether active or not; beyond the 64 coordinates of the table parameters are drawn at random.
 */
import type { ParamValue } from '../../../protocol/space.ts';
import { choiceFromUnit, fromUnit, isActive } from '../dimensions.ts';
import { Generator } from '../generator.ts';
import type { Sampler } from './sampler.ts';
import { directionNumbers } from './sobol-directions.ts';

const BITS = 32;

export const sobolSampler: Sampler<null> = {
  maxObjectives: Number.POSITIVE_INFINITY,
  start: () => null,
  tell: () => null,
  ask({ dimensions, seed }, memory, _history, number, random) {
    const point = sobolPoint(number, dimensions.length, seed);
    const params: Record<string, ParamValue> = {};
    for (const [index, dimension] of dimensions.entries()) {
      if (!isActive(dimension, params)) continue;
      const unit = point[index] ?? random.uniform();
      params[dimension.name] =
        dimension.kind === 'choice' ? choiceFromUnit(dimension, unit) : fromUnit(dimension, unit);
    }
    return { params, memory };
  },
};

/** The point `number`, counted from 0, of the scrambled sequence: coordinates in [0, 1), 64 at most. */
export function sobolPoint(number: number, coordinates: number, seed: number): number[] {
  const scramble = Generator.seeded(seed);
  return Array.from({ length: Math.min(coordinates, directionNumbers.length + 1) }, (_, coordinate) => {
    const rows = Array.from({ length: BITS }, (_row, bit) => scrambleRow(scramble.uint32(), bit));
    const shift = scramble.uint32();
    return (scrambled(sobolBits(number, coordinate), rows) ^ shift) >>> 0;
  }).map((bits) => bits / 2 ** BITS);
}

/** The sequence in natural order: the direction numbers of the bits that are set in `number`, added modulo 2. */
export function sobolBits(number: number, coordinate: number): number {
  const directions = directionsOf(coordinate);
  let bits = 0;
  for (let bit = 0; bit < BITS; bit++) if ((number >>> bit) & 1) bits ^= directions[bit]!;
  return bits >>> 0;
}

/** Direction numbers by the recurrence of Bratley and Fox, "Algorithm 659", ACM TOMS 14, 1988. */
function directionsOf(coordinate: number): number[] {
  if (coordinate === 0) return Array.from({ length: BITS }, (_, bit) => (1 << (BITS - 1 - bit)) >>> 0);
  const [polynomial, initial] = directionNumbers[coordinate - 1]!;
  const degree = initial.length;
  const directions = initial.map((value, bit) => (value << (BITS - 1 - bit)) >>> 0);
  for (let bit = degree; bit < BITS; bit++) {
    let direction = directions[bit - degree]! ^ (directions[bit - degree]! >>> degree);
    for (let term = 1; term < degree; term++) {
      if ((polynomial >>> (degree - term)) & 1) direction ^= directions[bit - term]!;
    }
    directions.push(direction >>> 0);
  }
  return directions;
}

/** A row of the scrambling matrix: random to the left of the diagonal, 1 on it, 0 to the right. */
function scrambleRow(random: number, bit: number): number {
  const diagonal = (1 << (BITS - 1 - bit)) >>> 0;
  const left = bit === 0 ? 0 : (-1 << (BITS - bit)) >>> 0;
  return ((random & left) | diagonal) >>> 0;
}

function scrambled(bits: number, rows: readonly number[]): number {
  let result = 0;
  for (const row of rows) result = (result << 1) | parity(bits & row);
  return result >>> 0;
}

function parity(bits: number): number {
  let folded = bits ^ (bits >>> 16);
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return (0x6996 >>> (folded & 15)) & 1;
}
