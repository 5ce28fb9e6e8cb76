import type { ClientMessage, ServerMessage } from '../../server/protocol/events.ts';

const firstRetryMs = 300;
const longestRetryMs = 15_000;

/**
 * A subscription as it must be asked for after a break, so that nothing comes twice and nothing is left out: topics go
 * on from the last cursor, logs from the next byte, metrics from what is held of each tag.
 */
export function advance(subscription: ClientMessage, message: ServerMessage): ClientMessage {
  if (message.type === 'resync') return fromTheStart(subscription);
  if (subscription.type === 'subscribe' && message.type === 'changes') {
    return { ...subscription, cursor: message.cursor };
  }
  if (subscription.type === 'logs' && message.type === 'logs') return { ...subscription, offset: message.next };
  if (subscription.type === 'metrics' && message.type === 'metrics') {
    const held = message.from + message.steps.length;
    return { ...subscription, have: { ...subscription.have, [message.tag]: held } };
  }
  return subscription;
}

/** The subscription of somebody who holds nothing yet; a log keeps its place, which holds in any control plane. */
export function fromTheStart(subscription: ClientMessage): ClientMessage {
  if (subscription.type === 'subscribe') return { ...subscription, cursor: undefined };
  return subscription.type === 'metrics' ? { ...subscription, have: {} } : subscription;
}

/**
 * How long to wait before the next attempt to come back: doubling, with jitter so that windows do not come at once.
 * @param attempt 0 for the first
 * @param random from 0 to 1
 */
export function retryDelayMs(attempt: number, random: number): number {
  return Math.min(firstRetryMs * 2 ** attempt, longestRetryMs) * (0.75 + random / 2);
}
