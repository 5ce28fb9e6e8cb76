import type { Run } from '../../protocol/entities.ts';
import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { limitOption, readPages } from '../listing.ts';
import { bytesText, numberText, table, timeText } from '../output.ts';
import { show } from '../shell.ts';

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
    const { items } = await readPages(options.limit, (query) => client.call('listNodes', { query }));
    const waiting = items.flatMap((node) => node.queue.map((entry) => ({ node: node.name, ...entry })));
    waiting.sort((a, b) => a.position - b.position);
    show(shell, { items: waiting }, () => {
      const rows = waiting.map((it) => [String(it.position), it.id, it.node, it.reason]);
      return table(shell, ['PLACE', 'RUN', 'NODE', 'REASON'], rows, 'Nothing waits.');
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
    const run = await client.call('getRun', { params: { id: args[0]! } });
    const { id, status, waiting } = run;
    show(shell, { id, status, waiting: waiting ?? null, explanation: explanationOf(run) }, (it) => it.explanation);
    return 0;
  },
});

/** Why a run waits, in one sentence. */
export function explanationOf({
  id,
  status,
  reason,
  waiting,
}: Pick<Run, 'id' | 'status' | 'reason' | 'waiting'>): string {
  if (!waiting) return `${id} does not wait: it is ${status}${reason ? ` (${reason})` : ''}.`;
  const parts = [`${id} has waited since ${timeText(waiting.since)}: ${waiting.reason.replace(/\.$/, '')}`];
  if (waiting.position !== undefined) parts.push(`place ${waiting.position} in the line`);
  if (waiting.ahead && waiting.ahead.length > 0) parts.push(`behind ${waiting.ahead.join(', ')}`);
  if (waiting.estimatedStart !== undefined) {
    parts.push(`until about ${timeText(waiting.estimatedStart)}${waiting.basis ? ` (${waiting.basis})` : ''}`);
  }
  return `${parts.join(', ')}.`;
}

export const commands = [nodes, queue, explain];
