import type { ClientMessage, ServerMessage } from './events.ts';

/**
 * The subscription as it must be asked for after a break, so that nothing comes twice and nothing is left out:
 * topics go on from the last cursor, logs from the next byte, metrics from what is held of each tag.
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

/**
 * The subscription of somebody who holds nothing yet; a log keeps its place, which holds in any control plane. After a
 * resync the server sends everything again by itself: only a later break must not skip over it.
 */
export function fromTheStart(subscription: ClientMessage): ClientMessage {
  if (subscription.type === 'subscribe') return { ...subscription, cursor: undefined };
  return subscription.type === 'metrics' ? { ...subscription, have: {} } : subscription;
}
