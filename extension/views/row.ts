import type { CommandId } from '../commands/ids.ts';

/** The object that a row, a CodeLens or a command stands for. */
export type Subject =
  | { kind: 'dataset'; name: string }
  | { kind: 'datasetVersion'; name: string; version: number }
  | { kind: 'datasetFile'; name: string; version: number; path: string }
  | { kind: 'run'; id: string }
  | { kind: 'sweep'; id: string }
  | { kind: 'model'; name: string }
  | { kind: 'modelVersion'; name: string; version: number }
  | { kind: 'endpoint'; name: string }
  | { kind: 'rollout'; id: string }
  /** The watch over an endpoint, with its open proposal. */
  | { kind: 'drift'; endpoint: string; proposal?: string }
  | { kind: 'operation'; id: string }
  /** A project folder; with a stage, that stage of it. */
  | { kind: 'folder'; folder: string; stage?: string };

export type SubjectKind = Subject['kind'];
export type SubjectOf<K extends SubjectKind> = Extract<Subject, { kind: K }>;

/** A theme icon and theme colour, by name. */
export interface RowIcon {
  name: string;
  color?: string;
}

/** One line of a tree, without the editor's types: what it says is decided here and tested without an editor. */
export interface Row {
  /** Unique in its tree and the same for the same thing, so that the tree keeps what is open. */
  id: string;
  label: string;
  description?: string;
  /** Markdown. */
  tooltip?: string;
  icon?: RowIcon;
  /** Words that menus ask for: `run active receipt`. */
  context?: string;
  subject?: Subject;
  /** What a click does. */
  command?: { id: CommandId; arguments: unknown[] };
  children?: () => Row[] | Promise<Row[]>;
  /** Open at first. */
  expanded?: boolean;
}

/** The facts that are there, as one description. */
export function facts(...parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(' · ');
}

/** The context words that are there. */
export function words(...parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(' ');
}

/** A Markdown tooltip: a bold title, then one line for each fact that is there. */
export function tooltip(title: string, lines: [name: string, value: string][]): string {
  const shown = lines.filter(([, value]) => value !== '');
  const texts = shown.map(([name, value]) => `${name}: ${escapeMarkdown(value)}`);
  return [`**${escapeMarkdown(title)}**`, ...texts].join('  \n');
}

/** A command as a row's click. */
export function click(id: CommandId, ...args: unknown[]): Row['command'] {
  return { id, arguments: args };
}

/** Text of users and programs must not become formatting or links. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!<>|~$]/g, '\\$&').replace(/\s*\n\s*/g, ' ');
}
