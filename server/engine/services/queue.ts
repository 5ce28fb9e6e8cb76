/** Operations on the queue: who waits and why, policy, what if, and what a sweep will take. */
import { quantile } from '../../domain/schedule/durations.ts';
import { differences, settingsOf } from '../../domain/schedule/policy.ts';
import { newQueue, type QueueEvent, type QueueState } from '../../domain/schedule/queue.ts';
import { defaultSettings, onlyTenant } from '../../domain/schedule/state.ts';
import { explain, explainAll, lineOf } from '../../domain/schedule/tell.ts';
import { history, whatIf } from '../../domain/schedule/whatIf.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import { requirePolicyFile } from '../../protocol/parseSlipwayFile.ts';
import { defaultPolicy } from '../../protocol/policyFile.ts';
import { readProjectFile } from '../code.ts';
import { commonOf } from '../runSpecs.ts';
import type { Part, ServiceParts } from './parts.ts';
import { requireAbsolute } from './request.ts';

const dayMs = 24 * 3600_000;
const hourMs = 3600_000;

export function queueServices({
  context,
  run,
}: ServiceParts): Part<'listQueue' | 'explainRun' | 'whatIf' | 'estimateSweep' | 'getPolicy' | 'applyPolicy'> {
  const { engine, now } = context;
  const queue = async () => (await engine.state<QueueState>('queue', 'local')) ?? newQueue();
  const policyOf = ({ policy }: QueueState) => policy ?? defaultPolicy;
  return {
    async listQueue({ query }) {
      const state = await queue();
      const order = lineOf(state, query?.limit ?? 100);
      const waiting = explainAll(state, order, now());
      return { items: order.map(({ id, tenant, priority }, i) => ({ id, tenant, priority, waiting: waiting[i]! })) };
    },
    async explainRun({ params: { id } }) {
      const { status, reason } = await run(id);
      return { id, status, reason, waiting: explain(await queue(), id, now()) ?? null };
    },
    async whatIf({ body }) {
      const { days, more = {}, policy, placement } = body;
      const state = await queue();
      const known = state.nodes.map(({ node }) => node.name);
      for (const name of Object.keys(more)) {
        if (known.includes(name)) continue;
        throw new SlipwayError('nodes.unknown', `There is no node ${name}.`, `There are: ${known.join(', ')}.`, 404);
      }
      const settings = policy === undefined ? {} : settingsOf(requirePolicyFile(policy));
      const tasks = await tasksSince(now() - days * dayMs);
      const nodes = state.nodes.map(({ node }) => node);
      const change = { more, settings: { ...settings, ...(placement && { placement }) } };
      return { entries: tasks.length, ...whatIf(nodes, state.settings, tasks, change) };
    },
    async estimateSweep({ body: { folder, trials } }) {
      requireAbsolute(folder);
      const file = await readProjectFile(folder);
      const { resources } = commonOf(file, file.train ?? {});
      const { durations, settings, spent } = await queue();
      const past = durations[`${file.project}/train`]?.toSorted((a, b) => a - b);
      const trialMs = past ? quantile(past, 0.5) : undefined;
      const count = trials ?? file.sweep?.trials ?? 0;
      const hours = (each: number) => (trialMs === undefined ? null : (count * each * trialMs) / hourMs);
      const budget = settings.tenants[onlyTenant]?.budget;
      const used = spent[onlyTenant];
      const left = (whole: number | undefined, gone = 0) => (whole === undefined ? null : Math.max(0, whole - gone));
      return {
        trials: count,
        trialSeconds: trialMs === undefined ? null : trialMs / 1000,
        gpuHours: hours((resources.gpu ?? 0) * (resources.nodes ?? 1)),
        cpuHours: hours((resources.cpu ?? 1) * (resources.nodes ?? 1)),
        basis: past
          ? `median of the last ${past.length} runs of ${file.project}/train`
          : `no run of ${file.project}/train has ended well yet`,
        left: {
          gpuHours: left(budget?.gpuHours, used?.gpuHours),
          cpuHours: left(budget?.cpuHours, used?.cpuHours),
        },
      };
    },
    async getPolicy() {
      return { text: policyOf(await queue()) };
    },
    async applyPolicy({ body: { text, dryRun } }) {
      const policy = requirePolicyFile(text);
      const changes = differences(requirePolicyFile(policyOf(await queue())), policy);
      if (dryRun || changes.length === 0) return { changes, applied: false };
      const settings = { ...defaultSettings, ...settingsOf(policy) };
      await engine.send('queue', 'local', { type: 'configured', settings, policy: text });
      return { changes, applied: true };
    },
  };

  /** What was asked for since a moment, from the log of the queue's events. */
  async function tasksSince(from: number) {
    const stored = await engine.store.read.events('queue', 'local', 0);
    const events = stored.map(({ event }) => event as QueueEvent);
    const tasks = history(undefined, events, now());
    const first = events.find(({ type }) => type === 'submitted')?.at ?? 0;
    return tasks.filter(({ at = 0 }) => first + at >= from);
  }
}
