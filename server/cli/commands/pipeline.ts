import { resolve } from 'node:path';
import type { Pipeline } from '../../protocol/entities.ts';
import type { Client } from '../client.ts';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { alignColumns, durationText, paint, paintStatus, timeText } from '../output.ts';
import { note, print, type Shell, show } from '../shell.ts';
import { createStepper } from '../stepper.ts';
import { interrupted, watchObject } from '../watch.ts';

type Step = Pipeline['steps'][number];

const run = command({
  name: 'pipeline run',
  summary: 'Run a project through the loop and follow it to its end.',
  details:
    'Steps: dataset, split, stages, train (or the sweep), validate, model, rollout. What is there already is used.\nCtrl-C ends the following, not the pipeline. At the end it prints the head of the chain of receipts.',
  options: {
    folder: { type: 'string', value: 'DIR', help: 'The project folder (default: the working folder).' },
    search: { type: 'boolean', help: 'Look for a better model by the sweep instead of one training run.' },
    until: {
      type: 'string',
      value: 'STEP',
      choices: ['dataset', 'split', 'stages', 'train', 'validate', 'model', 'rollout'],
      help: 'The last step.',
    },
  },
  examples: ['slipway pipeline run', 'slipway pipeline run --search', 'slipway pipeline run --until train --json'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const folder = resolve(shell.cwd, options.folder ?? '.');
    const until = options.until as 'train' | undefined;
    const started = await client.call('startPipeline', { body: { folder, search: options.search, until } });
    const stepper = createStepper<Step>(shell, (step, now) => stepText(shell, step, now));
    if (!shell.json) note(shell, `Pipeline ${started.id} of ${started.project}`);
    try {
      for await (const pipeline of watchObject(client.locate, 'pipelines', started.id, shell.signal)) {
        stepper.update(pipeline.steps);
        if (pipeline.status === 'running') continue;
        stepper.end();
        const head = await headOf(client, pipeline.project);
        show(shell, { ...pipeline, head }, (it) => endText(shell, it));
        return pipeline.status === 'succeeded' ? 0 : 1;
      }
    } finally {
      stepper.end();
    }
    throw interrupted(started.id, `See slipway pipeline status ${started.id}.`);
  },
});

/** The last receipt of a project's chain. */
async function headOf(client: Client, project: string): Promise<string | undefined> {
  const { items } = await client.call('listReceipts', { query: { project, limit: 1 } });
  return items[0]?.id;
}

function endText(shell: Shell, { status, reason, head, createdAt, endedAt }: Pipeline & { head?: string }): string {
  const took = endedAt === undefined ? '' : ` after ${durationText(endedAt - createdAt)}`;
  const lines = [`${paintStatus(shell, status)}${took}${reason ? `: ${reason}` : ''}`];
  if (head) lines.push(`head of the receipts: ${head}`);
  return lines.join('\n');
}

function stepText(shell: Shell, step: Step, now: number): string[] {
  const took = step.startedAt === undefined ? '' : durationText((step.endedAt ?? now) - step.startedAt);
  const isNamed = step.subject === undefined || step.detail.includes(step.subject);
  const detail = [isNamed ? '' : step.subject, step.detail].filter(Boolean).join(' · ');
  return [step.id, paintStatus(shell, step.status), took, detail];
}

const status = command({
  name: 'pipeline status',
  summary: 'Show a pipeline with its steps; without an id the latest ones.',
  arguments: [{ name: 'ID', optional: true, help: 'The pipeline.' }],
  options: {},
  examples: ['slipway pipeline status', 'slipway pipeline status p1abc'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    if (args[0] !== undefined) {
      show(shell, await client.call('getPipeline', { params: { id: args[0] } }), (it) => describe(shell, it));
      return 0;
    }
    const { items } = await client.call('listPipelines', { query: { limit: 10 } });
    if (shell.json) print(shell, JSON.stringify({ items }));
    else if (items.length === 0) print(shell, 'No pipelines yet. Start one: slipway pipeline run');
    else print(shell, items.map((it) => describe(shell, it)).join('\n\n'));
    return 0;
  },
});

function describe(shell: Shell, pipeline: Pipeline): string {
  const title = `${paint(shell, 'bold', pipeline.id)} ${pipeline.project}, started ${timeText(pipeline.createdAt)}`;
  const steps = alignColumns(pipeline.steps.map((step) => stepText(shell, step, step.endedAt ?? Date.now())));
  return [title, steps.replaceAll(/^/gm, '  '), endText(shell, pipeline)].join('\n');
}

export const commands = [run, status];
