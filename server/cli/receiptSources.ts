/** Where receipts to be verified come from: a file that `receipts export` wrote, or a data folder at rest or in use. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { keyOfPem, type ReceiptKey, type VerifyProblem } from '../domain/lineage/verify.ts';
import { missingHeads, readHeads } from '../engine/heads.ts';
import { SlipwayError } from '../protocol/errors.ts';

export interface ReceiptSource {
  /** JSON texts, the receipts of a project in the order of its chain. */
  envelopes: string[];
  keys: ReceiptKey[];
}

const KeysLine = z.object({ keys: z.array(z.object({ keyid: z.string(), spki: z.string() })) });

/** Reads what `receipts export` wrote. @throws SlipwayError `receipts.file` when it is not that */
export async function readExport(path: string): Promise<ReceiptSource> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new SlipwayError(
      'receipts.file',
      `${path} cannot be read: ${error.message}`,
      'Give a file that receipts export wrote.',
    );
  });
  const [first = '', ...envelopes] = text.split('\n').filter((line) => line.trim() !== '');
  const head = KeysLine.safeParse(parseJson(first));
  if (!head.success) {
    throw new SlipwayError(
      'receipts.file',
      `${path} does not begin with a line of keys.`,
      'Give a file that receipts export wrote.',
    );
  }
  return { envelopes, keys: head.data.keys };
}

/** A data folder's receipts, with the key that is its own; earlier ones of it are among `keys`. */
export interface FolderReceipts extends ReceiptSource {
  known: string;
  /** Receipts that were the last of their chain once, and are gone. */
  lost: VerifyProblem[];
}

/**
 * Reads all receipts of a data folder from its database, whether or not a control plane runs on it.
 * @throws SlipwayError `store.missing`, `store.damaged`, `receipts.noKey`
 */
export async function readDataFolder(data: string): Promise<FolderReceipts> {
  const database = join(data, 'slipway.db');
  const found = await stat(database).catch(() => undefined);
  if (!found?.isFile()) {
    const hint = 'Name the data folder with --data, or a file of receipts.';
    throw new SlipwayError('store.missing', `There is no database ${database}.`, hint, 404);
  }
  if (found.size === 0) {
    const hint = 'Restore it from a backup.';
    throw new SlipwayError('store.damaged', `The database file ${database} is damaged: it is empty.`, hint, 500);
  }
  const { keys, known } = await readFolderKeys(join(data, 'keys'));
  // Before the receipts: what is added meanwhile must not look lost.
  const heads = await readHeads(data);
  const { checkDatabase, openSqliteStore } = await import('../store/sqlite.ts');
  checkDatabase(database);
  const store = openSqliteStore(database);
  try {
    // Newest first in each project; one query, so that all is of one moment.
    const rows = (await store.read.receipts({})).toReversed();
    const ids = new Map<string, Set<string>>();
    for (const { project, id } of rows) ids.set(project, (ids.get(project) ?? new Set()).add(id));
    const lost = missingHeads(heads, ids).map(({ project, seq, message }) => {
      return { receipt: heads[project]!.id, project, seq, kind: '', subject: 'head of the chain', message };
    });
    return { envelopes: rows.map((row) => row.envelope), keys, known, lost };
  } finally {
    await store.close();
  }
}

async function readFolderKeys(folder: string): Promise<{ keys: ReceiptKey[]; known: string }> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.pub.pem'));
  if (!names.includes('receipts.pub.pem')) {
    throw new SlipwayError(
      'receipts.noKey',
      `There is no public key ${join(folder, 'receipts.pub.pem')}.`,
      'Restore it, or verify an export with --key.',
    );
  }
  const keys = await Promise.all(names.map((name) => readPublicKey(join(folder, name))));
  return { keys, known: keys[names.indexOf('receipts.pub.pem')]!.keyid };
}

/** A public key in PEM. @throws SlipwayError `receipts.key` */
export async function readPublicKey(path: string): Promise<ReceiptKey> {
  try {
    return keyOfPem(await readFile(path, 'utf8'));
  } catch (error) {
    throw new SlipwayError(
      'receipts.key',
      `${path} is no public key in PEM: ${(error as Error).message}`,
      'Give the file with BEGIN PUBLIC KEY.',
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
