import type { Operation } from '../protocol/entities.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Client } from './client.ts';
import { progressLine } from './output.ts';
import type { Shell } from './shell.ts';
import { watchObject } from './watch.ts';

/**
 * Waits for long work to end, with a progress line on a terminal. Ctrl-C cancels the work.
 * @returns its result
 * @throws SlipwayError the operation's own error; `operation.cancelled`
 */
export async function followOperation(client: Client, started: Operation, shell: Shell): Promise<unknown> {
  const { id } = started;
  const line = progressLine(shell);
  try {
    for await (const operation of watchObject(client.locate, 'operations', id, shell.signal)) {
      const { status, error, result } = operation;
      if (status === 'succeeded') return result;
      if (status === 'failed' && error) throw new SlipwayError(error.code, error.message, error.hint);
      if (status === 'failed' || status === 'cancelled') throw cancelled(operation);
      line.update(progressText(operation));
    }
  } finally {
    line.clear();
  }
  await client.callAnyway('cancelOperation', { params: { id }, body: {} }).catch((error: SlipwayError) => {
    if (error.code !== 'operation.over') throw error;
  });
  throw cancelled(started);
}

function cancelled({ kind, subject }: Operation): SlipwayError {
  return new SlipwayError(
    'operation.cancelled',
    `${kind} ${subject} was cancelled.`,
    'Start it again; what was done is found and not done twice.',
  );
}

/** `dataset.add digits: 120 of 1797 files (7 %), 812 files/s` */
export function progressText({ kind, subject, progress }: Pick<Operation, 'kind' | 'subject' | 'progress'>): string {
  const { done, total, unit, message } = progress;
  const amount = total ? `${done} of ${total} ${unit} (${Math.floor((100 * done) / total)} %)` : `${done} ${unit}`;
  return `${kind} ${subject}: ${amount}${message ? `, ${message}` : ''}`;
}
