import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** Whether the same again may go well. */
  isTransient: (error: unknown) => boolean;
  /** What is thrown in place of the last transient error. */
  explain: (error: unknown) => Error;
  /** How long to go on from the first failure. */
  patienceMs?: number;
  signal?: AbortSignal;
}

const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;
/** A server that is restarted, or a share that is mounted again, is back by then. */
const PATIENCE_MS = 90_000;

/** Faults of connections and of network file systems, by Node's and the kernel's codes. */
const TRANSIENT_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'],
  ...['ERR_STREAM_PREMATURE_CLOSE', 'ESTALE', 'EIO', 'EHOSTDOWN'],
]);

export function isTransient(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return TRANSIENT_CODES.has(code ?? '') || /socket hang up|aborted|request timeout/i.test(message ?? '');
}

/** Runs work, and again after a transient failure, each time after a longer wait (doubled, with jitter). */
export async function withRetries<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, patienceMs = PATIENCE_MS } = options;
  let firstFailureAtMs: number | null = null;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (!options.isTransient(error)) throw error;
      firstFailureAtMs ??= performance.now();
      if (performance.now() - firstFailureAtMs > patienceMs) throw options.explain(error);
      const waitMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS) * (0.5 + Math.random() / 2);
      await delay(waitMs, undefined, { signal });
    }
  }
}
