/** What every part of the service table is given. */
import type { RunState } from '../../domain/run/run.ts';
import type { Context } from '../context.ts';
import type { RunMetrics, Traced } from '../follow.ts';
import type { LiveFigures } from '../live.ts';
import type { Monitors } from '../monitors.ts';
import type { Operations } from '../operations.ts';
import type { Services } from '../services.ts';
import type { TensorBoards } from '../tensorBoards.ts';

export interface ServiceParts {
  context: Context;
  operations: Operations;
  tensorBoards: TensorBoards;
  metrics: RunMetrics;
  monitors: Monitors;
  live: LiveFigures;
  publicKeys: Record<string, string>;
  /** A run, also one that an MLflow client began. @throws SlipwayError `runs.unknown` */
  traced: (id: string) => Promise<Traced>;
  /** @throws SlipwayError `runs.unknown` */
  run: (id: string) => Promise<RunState>;
}

/** The operations of one part. */
export type Part<Names extends keyof Services> = Pick<Services, Names>;
