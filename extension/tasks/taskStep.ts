import type { Pipeline, Run } from '../../server/protocol/entities.ts';

/** What a task runs of a slipway.yaml. */
export interface TaskStep {
  run: 'pipeline' | 'train' | 'stage';
  /** Its name, where a stage is run. */
  stage?: string;
}

/** The exit status of a task whose run ended: the program's own where it has one. */
export function exitStatusOf(run: Pick<Run, 'status' | 'exitCode'>): number {
  if (run.status === 'succeeded') return 0;
  return run.exitCode || 1;
}

/** One line a step that changed: `train  done  val/accuracy 0.97`. */
export function stepLines(before: Pipeline | undefined, now: Pipeline): string[] {
  const width = Math.max(...now.steps.map(({ id }) => id.length));
  return now.steps
    .filter(({ id, status }) => status !== 'waiting' && status !== before?.steps.find((step) => step.id === id)?.status)
    .map(({ id, status, detail }) => `${id.padEnd(width)}  ${status}${detail && `  ${detail}`}`);
}
