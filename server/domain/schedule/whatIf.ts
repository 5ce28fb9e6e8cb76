/** What if: the queue's own history of the last days, played again with other nodes, another policy or other quotas. */
import { Generator } from '../sweep/generator.ts';
import { reduceQueue } from './queue.ts';
import type { QueueNode } from './resources.ts';
import { type Outcome, simulateQueue } from './simulate.ts';
import { onlyTenant, type QueueEvent, type QueueSettings, type QueueState } from './state.ts';
import type { Task } from './traces.ts';

export interface Change {
  /** So many more nodes like each of these, by name. */
  more?: Record<string, number>;
  settings?: Partial<QueueSettings>;
}

/**
 * What was asked for and how long it then ran, from the events of the queue. What still waits or runs counts up to now.
 * @param state the state before the first of these events
 */
export function history(state: QueueState | undefined, events: readonly QueueEvent[], now: number): Task[] {
  const asked = new Map<string, Task & { admittedAt?: number }>();
  const tasks: Task[] = [];
  const end = (id: string, at: number) => {
    const task = asked.get(id);
    if (!task) return;
    asked.delete(id);
    const { admittedAt, ...rest } = task;
    // One that left the line before it started asked for nothing in the end.
    if (admittedAt !== undefined) tasks.push({ ...rest, durationMs: at - admittedAt });
  };
  let current = state;
  for (const event of events) {
    if (event.type === 'submitted' && event.since === undefined) {
      const { id, request, tenant = onlyTenant, at } = event;
      asked.set(id, { id: `${id}@${at}`, request, tenant, at });
    }
    const step = reduceQueue(current, event);
    current = step.state;
    for (const { to, event: told } of step.commands) {
      const task = asked.get(to.id);
      if (told.type === 'admitted' && task) task.admittedAt ??= event.at;
    }
    if (event.type === 'released') end(event.id, event.at);
  }
  for (const id of [...asked.keys()]) end(id, now);
  tasks.sort((a, b) => a.at! - b.at!);
  const first = tasks[0]?.at ?? 0;
  return tasks.map((task) => ({ ...task, at: task.at! - first }));
}

/** The same tasks as things are, and as they would be. */
export function whatIf(
  nodes: readonly QueueNode[],
  settings: QueueSettings,
  tasks: readonly Task[],
  change: Change,
): { now: Outcome; instead: Outcome } {
  const usable = nodes.map((node) => ({ ...node, gpus: node.gpus.map((gpu) => ({ ...gpu, busy: false })) }));
  const more = Object.entries(change.more ?? {}).flatMap(([name, count]) => {
    const like = usable.find((node) => node.name === name);
    return like ? Array.from({ length: count }, (_, i) => ({ ...like, name: `${name}-more-${i + 1}` })) : [];
  });
  const seed = Generator.seeded(1).integer(2 ** 31);
  const play = (list: QueueNode[], how: Partial<QueueSettings>) =>
    simulateQueue(list, tasks, { settings: { ...settings, ...how, told: 0 }, seed });
  return { now: play(usable, {}), instead: play([...usable, ...more], change.settings ?? {}) };
}
