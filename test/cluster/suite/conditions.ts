/** Waiting for a condition of a workload. */
import type { Observed, Runtime } from '../../../server/runtimes/index.ts';

export type Condition = Extract<Observed, { type: 'condition' }>;

/** @param code null: it runs where it can be seen */
export async function untilCondition(runtime: Runtime, id: string, code: string | null): Promise<Condition> {
  const done = new AbortController();
  try {
    for await (const observed of runtime.watch(done.signal)) {
      if (observed.id === id && observed.type === 'condition' && observed.code === code) return observed;
      if (observed.id === id && observed.type === 'ended') throw new Error(`it ended: ${observed.detail}`);
    }
  } finally {
    done.abort();
  }
  throw new Error('the watch ended by itself');
}
