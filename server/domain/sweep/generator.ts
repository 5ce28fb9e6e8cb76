/** The state of a {@link Generator}: four unsigned 32-bit integers, not all zero. */
export type GeneratorState = readonly [number, number, number, number];

/**
 * A seedable generator of pseudo-random numbers whose whole state is four integers, so that a sweep can be stored
 * and taken up again. xoshiro128** 1.1, D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators",
 * ACM TOMS 47(4), 2021, https://prng.di.unimi.it/xoshiro128starstar.c; seeded by splitmix32 as its authors advise.
 */
export class Generator {
  #state: [number, number, number, number];

  private constructor(state: GeneratorState) {
    this.#state = [...state];
  }

  /** @param seed any finite number; its bits decide the sequence */
  static seeded(seed: number): Generator {
    const [low, high] = new Uint32Array(new Float64Array([seed]).buffer) as unknown as [number, number];
    let counter = low ^ Math.imul(high, 0x9e3779b9);
    const next = () => {
      counter = (counter + 0x9e3779b9) | 0;
      let mixed = counter ^ (counter >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    return new Generator([next(), next(), next(), next() | 1]);
  }

  static restore(state: GeneratorState): Generator {
    return new Generator(state);
  }

  snapshot(): GeneratorState {
    return [...this.#state];
  }

  /** The next unsigned 32-bit integer. */
  uint32(): number {
    const state = this.#state;
    const scrambled = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    for (let word = 0; word < 4; word++) state[word]! >>>= 0;
    return scrambled;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Uniform in 0 … below − 1. */
  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** Standard normal, by Marsaglia's polar method (the second value is not kept: no hidden state). */
  normal(): number {
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
    }
  }

  /** An index drawn in proportion to `weights`, which are not negative and sum to `total`. */
  weighted(weights: ArrayLike<number>, total: number): number {
    let left = this.uniform() * total;
    for (let index = 0; index < weights.length - 1; index++) {
      left -= weights[index]!;
      if (left < 0) return index;
    }
    return weights.length - 1;
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
