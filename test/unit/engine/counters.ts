/**
 * An engine over a real SQLite file, with one small kind of state: a counter that adds up, asks for commands, tells
 * other counters, writes receipts, or throws, as its events say.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { ReceiptDraft } from '../../../server/domain/reducer.ts';
import { send } from '../../../server/domain/reducer.ts';
import {
  type AnyCommand,
  type AnyEvent,
  type CommandHandler,
  Engine,
  type EngineOptions,
} from '../../../server/engine/engine.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';

export interface Counter {
  id: string;
  sum: number;
  /** What `done` and `commandFailed` brought, in order. */
  heard: string[];
  isRemoved: boolean;
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const signer = {
  keyid: createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex'),
  sign: (bytes: Uint8Array) => sign(null, bytes, privateKey),
};

/** Names of commands to ask for; `lane/name` puts one into a lane. */
export interface Add {
  type: 'add';
  id: string;
  n: number;
  ask?: string[];
  tell?: { id: string; event: AnyEvent }[];
  isOnRecord?: boolean;
  isBad?: boolean;
}

export function add(id: string, n: number, more: Partial<Add> = {}): Add & AnyEvent {
  return { type: 'add', id, n, ...more };
}

function reduce(state: Counter | undefined, event: AnyEvent) {
  const { type } = event;
  if (type === 'add') {
    const { id, n, ask = [], tell = [], isOnRecord, isBad } = event as unknown as Add;
    if (isBad) throw new Error('a bug in a reducer');
    const before = state ?? { id, sum: 0, heard: [], isRemoved: false };
    const asked = ask.map((name): AnyCommand => {
      const [lane, plain] = name.split('/');
      return plain === undefined ? { type: name } : { type: plain, lane };
    });
    const told: AnyCommand[] = tell.map((one) => send('counter', one.id, one.event));
    const receipt: ReceiptDraft = {
      kind: 'run.finished',
      subject: { name: `run:${id}` },
      inputs: [],
      decision: 'added',
      evidence: { sum: before.sum + n, at: event.at },
    };
    const next: Counter = { ...before, sum: before.sum + n, isRemoved: false };
    return { state: next, commands: [...asked, ...told], receipts: isOnRecord ? [receipt] : [] };
  }
  if (type === 'removed') return { state: { ...state!, isRemoved: true }, commands: [], receipts: [] };
  if (type === 'nothing') return { state: state!, commands: [], receipts: [] };
  const heard = [...state!.heard, type === 'done' ? String(event['what']) : `${type} ${String(event['command'])}`];
  return { state: { ...state!, heard }, commands: [], receipts: [] };
}

/** A control plane's engine over a database file; several may follow one another on the same file. */
export function openEngine(
  path: string,
  handlers: Record<string, CommandHandler> = {},
  options: Partial<EngineOptions> = {},
): Engine {
  let now = 0;
  const store = openSqliteStore(path);
  const engine = new Engine({ store, signer, actor: 'u1', now: () => ++now, log: () => {}, ...options });
  engine.register('counter', {
    reduce: (state, event) => reduce(state as Counter | undefined, event),
    project: () => 'digits',
    views(state, _, receiptOf) {
      const { id, sum, heard, isRemoved } = state as Counter;
      const data = isRemoved ? null : { id, sum, heard: heard.length, receipt: receiptOf(`run:${id}`) };
      return [{ topic: 'runs', id, project: 'digits', data }];
    },
  });
  for (const [type, handler] of Object.entries(handlers)) engine.handle(type, handler);
  return engine;
}

/** The result of a handler: tells the counter what was done. */
export function done(id: string, what: string) {
  return { kind: 'counter', id, event: { type: 'done', what } };
}
