/** The command handlers: how each command of a reducer is carried out. Every one may be called twice. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import { type TrialRunsState, trialRunId } from '../domain/sweep/trialRuns.ts';
import { SlipwayError } from '../protocol/errors.ts';
import { collectRun } from './collectRun.ts';
import type { Context } from './context.ts';
import type { Delivery } from './engine.ts';
import { launchRun } from './launchRun.ts';
import { runPipelineStep } from './pipelineSteps.ts';
import { prepareRun } from './prepareRun.ts';
import { startReplica, stopReplica, writeRoutes } from './replicas.ts';
import { startRetraining } from './retrain.ts';
import { runFolder, workloadId } from './runFolder.ts';

export function registerHandlers(context: Context): void {
  const { engine, runtime } = context;
  const run = async (id: string) => (await engine.state<RunState>('run', id))!;

  engine.handle('run.prepare', async (_, { id }) => {
    const { spec } = await run(id);
    return refusable(
      async () => [{ kind: 'run', id, event: { type: 'prepared', prepared: await prepareRun(context, spec) } }],
      (error) => [{ kind: 'run', id, event: failure('prepareFailed', error) }],
    );
  });

  engine.handle('run.launch', async (command, { id }) => {
    const state = await run(id);
    const attempt = command['attempt'] as number;
    if (hasEnded(state.status) || state.attempt !== attempt) return [];
    return refusable(
      async () => {
        await launchRun(context, state, attempt, command['gpus'] as number[]);
        return [];
      },
      (error) => [{ kind: 'run', id, event: notStarted(attempt, error) }],
    );
  });

  engine.handle('run.stop', async (command, { id }) => {
    await runtime.stop(
      workloadId(id, command['attempt'] as number),
      command['reason'] as string,
      command['graceMs'] as number,
    );
    return [];
  });

  engine.handle('run.collect', async (command, { id }) => {
    const { spec } = await run(id);
    const attempt = command['attempt'] as number;
    return [
      { kind: 'run', id, event: { type: 'collected', attempt, collected: await collectRun(context, spec, attempt) } },
    ];
  });

  engine.handle('run.erase', async (command, { id }) => {
    await rm(runFolder(context.folders.runs, id).root, { recursive: true, force: true });
    for (let attempt = 1; attempt <= (command['attempts'] as number); attempt++) {
      await rm(join(context.folders.workloads, workloadId(id, attempt)), { recursive: true, force: true });
    }
    return [];
  });

  engine.handle('sweep.prepare', async (_, { id }) => {
    const { template } = (await engine.state<TrialRunsState>('sweep', id))!;
    if (!template) return [];
    return refusable(
      async () => {
        const { dataset, refs } = await prepareRun(context, { ...template, id: trialRunId(id, 0, 0), resolve: true });
        return [{ kind: 'sweep', id, event: { type: 'prepared', dataset, refs } }];
      },
      (error) => [{ kind: 'sweep', id, event: failure('prepareFailed', error) }],
    );
  });

  engine.handle('pipeline.step', async (command, { id, signal }) => {
    const step = command['step'] as string;
    return refusable(
      () => runPipelineStep(context, id, step, signal),
      (error) => [{ kind: 'pipeline', id, event: { type: 'stepFailed', step, message: sentence(error) } }],
    );
  });

  engine.handle('monitor.retrain', async (command, { id }) => {
    const retraining = command['retraining'] as string;
    const samples = command['samples'] as string | null;
    await startRetraining(context, { endpoint: id, retraining, samples, rollsOut: command['rollsOut'] as boolean });
    return [];
  });

  engine.handle('endpoint.startReplica', (command, { id, signal }) =>
    startReplica(
      context,
      id,
      command['revision'] as string,
      command['replica'] as string,
      command['failures'] as number,
      signal,
    ),
  );
  engine.handle('endpoint.stopReplica', async (command) => {
    await stopReplica(context, command['replica'] as string);
    return [];
  });
  engine.handle('endpoint.writeRoutes', (_, { id, signal }) => writeRoutes(context, id, signal));
}

/** What a person can mend becomes an event; anything else is tried again by the engine. */
async function refusable(
  work: () => Promise<Delivery[]>,
  refused: (error: SlipwayError) => Delivery[],
): Promise<Delivery[]> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SlipwayError) return refused(error);
    throw error;
  }
}

function failure(type: string, { code, message, hint }: SlipwayError) {
  return { type, code, message, hint };
}

function notStarted(attempt: number, error: SlipwayError) {
  return { type: 'ended', attempt, exitCode: null, signal: null, reason: 'notStarted', detail: sentence(error) };
}

function sentence({ message, hint }: SlipwayError): string {
  return [message, hint].filter(Boolean).join(' ');
}
