/**
 * Which revision and which replica gets a request. Pure apart from the counters it is handed.
 */
export interface Weighted {
  readonly name: string;
  readonly weight: number;
  /** The running credit of smooth weighted round robin. */
  credit: number;
}

/**
 * Smooth weighted round robin: in every run of as many choices as the weights' sum each one is chosen exactly
 * `weight` times, spread evenly (the algorithm of nginx's ngx_http_upstream_round_robin.c).
 * @returns null if every weight is zero
 */
export function chooseSmoothly<T extends Weighted>(candidates: readonly T[]): T | null {
  let best: T | null = null;
  let sum = 0;
  for (const candidate of candidates) {
    if (candidate.weight <= 0) continue;
    sum += candidate.weight;
    candidate.credit += candidate.weight;
    if (best === null || candidate.credit > best.credit) best = candidate;
  }
  if (best !== null) best.credit -= sum;
  return best;
}

/**
 * The same key gets the same candidate; when weights change only as many keys move as must. Weighted rendezvous
 * hashing: the highest -weight / ln(hash) wins (Schindelhauer & Schomaker, SPAA 2005).
 */
export function chooseByKey<T extends Weighted>(candidates: readonly T[], key: string): T | null {
  let best: T | null = null;
  let bestScore = 0;
  for (const candidate of candidates) {
    if (candidate.weight <= 0) continue;
    const score = -candidate.weight / Math.log(uniform(`${candidate.name}\0${key}`));
    if (best === null || score > bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}

/** The replica with the fewest requests in flight; equal ones take turns, beginning behind `turn`. */
export function chooseLeastBusy<T extends { inFlight: number }>(replicas: readonly T[], turn: number): T | null {
  let best: T | null = null;
  for (let step = 0; step < replicas.length; step++) {
    const replica = replicas[(turn + step) % replicas.length]!;
    if (best === null || replica.inFlight < best.inFlight) best = replica;
  }
  return best;
}

/** A text's place in the open interval (0, 1): FNV-1a with the 32-bit finalizer of MurmurHash3. */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;
  return ((hash >>> 0) + 0.5) / 2 ** 32;
}
