import type { Command } from './command.ts';

/** The first word of a command line. Its commands are loaded when it is used, so that the start is fast. */
export interface Noun {
  name: string;
  summary: string;
  isHidden?: boolean;
  load(): Promise<{ commands: readonly Command[] }>;
}

export const nouns: readonly Noun[] = [
  { name: 'serve', summary: 'Run the control plane.', load: () => import('./commands/serve.ts') },
  {
    name: 'start',
    summary: 'Run the control plane and print where its pages are.',
    isHidden: true,
    load: () => import('./commands/start.ts'),
  },
  { name: 'open', summary: 'Print a fresh address of the pages.', load: () => import('./commands/open.ts') },
  {
    name: 'gateway',
    summary: 'Run a gateway that carries requests to model servers.',
    load: () => import('./commands/gateway.ts'),
  },
  {
    name: 'dataset',
    summary: 'Add, compare, split, check out and verify dataset versions.',
    load: () => import('./commands/dataset.ts'),
  },
  { name: 'pipeline', summary: 'Run a project through the whole loop.', load: () => import('./commands/pipeline.ts') },
  {
    name: 'validate',
    summary: 'Judge the model of a run by the gates of its project.',
    load: () => import('./commands/validate.ts'),
  },
  {
    name: 'run',
    summary: 'Start training or any program; follow its logs and metrics.',
    load: () => import('./commands/run.ts'),
  },
  { name: 'sweep', summary: 'Search for good parameters with many trials.', load: () => import('./commands/sweep.ts') },
  {
    name: 'model',
    summary: 'List model versions, promote one, or go back.',
    load: () => import('./commands/model.ts'),
  },
  {
    name: 'endpoint',
    summary: 'List endpoints and send requests to them.',
    load: () => import('./commands/endpoint.ts'),
  },
  {
    name: 'rollout',
    summary: 'Bring a model version into traffic step by step.',
    load: () => import('./commands/rollout.ts'),
  },
  {
    name: 'cluster',
    summary: 'Nodes, the queue, and why something waits.',
    load: () => import('./commands/cluster.ts'),
  },
  {
    name: 'secret',
    summary: 'Keep what programs need and nobody may read.',
    load: () => import('./commands/secret.ts'),
  },
  { name: 'admin', summary: 'What administrators set: the policy.', load: () => import('./commands/admin.ts') },
  { name: 'receipts', summary: 'List, verify and export the receipts.', load: () => import('./commands/receipts.ts') },
  {
    name: 'metrics',
    summary: 'Read TensorBoard event files; needs no control plane.',
    load: () => import('./commands/metrics.ts'),
  },
  {
    name: 'optimize',
    summary: 'Suggest parameters over stdin and stdout; needs no control plane.',
    load: () => import('./commands/optimize.ts'),
  },
  {
    name: 'simulate',
    summary: 'Play traces through the queue; needs no control plane.',
    load: () => import('./commands/simulate.ts'),
  },
];
