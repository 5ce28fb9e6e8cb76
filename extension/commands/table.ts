import type { SlipwayError } from '../../server/protocol/errors.ts';
import type { Row, Subject, SubjectKind, SubjectOf } from '../views/row.ts';
import type { CommandId } from './ids.ts';

/** What a command gets: the row, subject or file it was called on, and all selected rows where there are several. */
export type CommandHandler = (target?: unknown, selection?: unknown) => unknown;
export type CommandTable = Record<CommandId, CommandHandler>;
/** The commands of one domain; one that is left out does not compile. */
export type Commands<K extends CommandId> = Pick<CommandTable, K>;

/** Thrown where the person went back on it: nothing happens, nothing is said. */
export class Cancelled extends Error {}

/** What the person typed, picked or confirmed. @throws Cancelled where it is nothing */
export function chosen<T>(value: T | undefined): T {
  if (value === undefined) throw new Cancelled();
  return value;
}

/** The subject of a kind that a command was called on; undefined when it was called from the palette. */
export function subjectOf<K extends SubjectKind>(target: unknown, ...kinds: K[]): SubjectOf<K> | undefined {
  if (typeof target !== 'object' || target === null) return undefined;
  const subject = (target as Row).subject ?? (target as Subject);
  return kinds.includes(subject.kind as K) ? (subject as SubjectOf<K>) : undefined;
}

/** An error as one text: what happened, and what to do. */
export function errorText(error: SlipwayError): string {
  return [error.message, error.hint].filter(Boolean).join(' ');
}
