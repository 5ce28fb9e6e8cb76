import type { QueueFigures } from '../../protocol/entities.ts';
import type { Answer } from '../../protocol/operations.ts';
import { placements } from '../../protocol/policyFile.ts';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { limitOption, readPages } from '../listing.ts';
import { bytesText, numberText, table, timeText } from '../output.ts';
import { readPolicy } from '../policy.ts';
import { show } from '../shell.ts';
import { usageError } from '../usage.ts';

const nodes = command({
  name: 'cluster nodes',
  summary: 'List the nodes and who holds what.',
  options: { limit: limitOption },
  examples: ['slipway cluster nodes'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { items } = await readPages(options.limit, (query) => client.call('listNodes', { query }));
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.name,
        `${numberText(it.cpusUsed)}/${numberText(it.cpus)}`,
        `${bytesText(it.memoryUsedBytes)}/${bytesText(it.memoryBytes)}`,
        it.gpus.map((gpu) => `${gpu.index} ${gpu.product}: ${gpu.holder ?? 'free'}`).join(', ') || 'none',
        timeText(it.lastSeenAt),
      ]);
      return table(shell, ['NODE', 'CPUS', 'MEMORY', 'GPUS', 'LAST SEEN'], rows, 'No node was seen yet.');
    });
    return 0;
  },
});

const queue = command({
  name: 'cluster queue',
  summary: 'List what waits, in the order of the line, and why.',
  options: { limit: limitOption },
  examples: ['slipway cluster queue'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const answer = await client.call('listQueue', { query: { limit: options.limit } });
    show(shell, answer, ({ items }) => {
      const rows = items.map(({ id, tenant, waiting }) => [
        String(waiting.position),
        id,
        tenant,
        timeText(waiting.since),
        waiting.estimatedStart === undefined ? 'not known' : `about ${timeText(waiting.estimatedStart)}`,
        waiting.reason,
      ]);
      return table(shell, ['PLACE', 'RUN', 'TENANT', 'SINCE', 'START', 'REASON'], rows, 'Nothing waits.');
    });
    return 0;
  },
});

const explain = command({
  name: 'cluster explain',
  summary: 'Say in a sentence why a run waits, at which place, and until about when.',
  arguments: [{ name: 'RUN', help: 'The run.' }],
  options: {},
  examples: ['slipway cluster explain r1abc'],
  uses: 'controlPlane',
  async run({ args, target }, shell) {
    const client = await connect(target, shell);
    const answer = await client.call('explainRun', { params: { id: args[0]! } });
    show(shell, { ...answer, explanation: explanationOf(answer) }, (it) => it.explanation);
    return 0;
  },
});

const whatIf = command({
  name: 'cluster what-if',
  summary: 'Say how the last days would have gone with more nodes, another placement or another policy.',
  options: {
    days: { type: 'number', value: 'N', help: 'How many days back (default: 7).' },
    more: { type: 'string', value: 'NODE=N', multiple: true, help: 'N more nodes like this one.' },
    placement: { type: 'string', choices: placements, help: 'Another placement.' },
    policy: { type: 'string', value: 'FILE', help: 'Another policy.yaml, with other quotas and shares.' },
  },
  examples: ['slipway cluster what-if --more node-3=2', 'slipway cluster what-if --days 14 --placement bestfit'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const more: Record<string, number> = {};
    for (const text of options.more) {
      const [, name, count] = /^(.+)=(\d+)$/.exec(text) ?? [];
      if (!name || !count) throw usageError(`cluster what-if: --more ${text} is not NODE=N`, 'Write --more node-3=2.');
      more[name] = Number(count);
    }
    const policy = options.policy === undefined ? undefined : await readPolicy(shell, options.policy);
    const client = await connect(target, shell);
    const placement = options.placement as (typeof placements)[number] | undefined;
    const answer = await client.call('whatIf', { body: { days: options.days, more, placement, policy } });
    show(shell, answer, ({ entries, now, instead }) => {
      const row = (what: string, of: (figures: QueueFigures) => string) => [what, of(now), of(instead)];
      const rows = [
        row('GPUs', (it) => String(it.gpusTotal)),
        row('allocated', (it) => `${numberText(it.gpusAllocatedPct)} %`),
        row('wait, median', (it) => `${numberText(it.waitSeconds.p50)} s`),
        row('wait, 95 % below', (it) => `${numberText(it.waitSeconds.p95)} s`),
        row('slow-down, median', (it) => numberText(it.slowdown.p50)),
        row('preemptions', (it) => String(it.preemptions)),
        row('fairness (Jain)', (it) => numberText(it.jainFairness)),
      ];
      return `${table(shell, ['', 'NOW', 'INSTEAD'], rows, '')}\n${entries} entries of the queue played again.`;
    });
    return 0;
  },
});

/** Why a run waits, in one sentence. */
export function explanationOf({ id, status, reason, waiting }: Answer<'explainRun'>): string {
  if (!waiting) return `${id} does not wait: it is ${status}${reason ? ` (${reason})` : ''}.`;
  const parts = [`${id} has waited since ${timeText(waiting.since)}: ${waiting.reason.replace(/\.$/, '')}`];
  if (waiting.position !== undefined) parts.push(`place ${waiting.position} in the line`);
  if (waiting.ahead && waiting.ahead.length > 0) parts.push(`behind ${waiting.ahead.join(', ')}`);
  const { estimatedStart, earliestStart = estimatedStart, latestStart = estimatedStart, basis } = waiting;
  if (estimatedStart !== undefined) {
    const band =
      earliestStart === latestStart ? '' : `between ${timeText(earliestStart!)} and ${timeText(latestStart!)}`;
    const grounds = [band, basis ? `by ${basis}` : ''].filter(Boolean).join(', ');
    parts.push(`until about ${timeText(estimatedStart)}${grounds ? ` (${grounds})` : ''}`);
  }
  if (waiting.startsNowIf !== undefined) parts.push(waiting.startsNowIf);
  return `${parts.join(', ')}.`;
}

export const commands = [nodes, queue, explain, whatIf];
