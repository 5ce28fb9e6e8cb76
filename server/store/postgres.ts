/** The store of a cluster: PostgreSQL, the same schema and queries as the embedded one. */

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { SlipwayError } from '../protocol/errors.ts';
import type { Store } from './index.ts';
import { migrations } from './migrations.ts';
import { type Query, SqlTransaction } from './sql.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; else the standard PG* variables. */
  url?: string;
  /** How long a write waits for a server that is away, as while it is restarted. */
  patienceMs?: number;
}

/** Held by the one control plane that writes, for as long as its connection lives ("SLIPWAY" in ASCII). */
const writerLock = '23447536284452185';
const readers = 4;
const defaultPatienceMs = 60_000;

/**
 * Opens the store and brings the schema up to date.
 * @throws SlipwayError `store.inUse` while another control plane writes to it, `store.newer`, `store.unreachable`
 */
export async function openPostgresStore(options: PostgresOptions = {}): Promise<Store> {
  const settings = { connectionString: options.url, application_name: 'slipway', types: { getTypeParser } };
  const patienceMs = options.patienceMs ?? defaultPatienceMs;
  const pool = new pg.Pool({ ...settings, max: readers });
  pool.on('error', () => {}); // an idle reader that loses its connection is replaced by the next query
  let writer = await connectWriter(settings, patienceMs);
  try {
    await migrate(writer.client);
  } catch (error) {
    await Promise.allSettled([writer.client.end(), pool.end()]);
    throw error;
  }
  let tail: Promise<unknown> = Promise.resolve();

  async function transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    if (writer.isLost()) writer = await connectWriter(settings, patienceMs);
    const { client } = writer;
    const query = queryOf(client);
    await query('BEGIN', []);
    try {
      const value = await work(new SqlTransaction(query));
      await query('COMMIT', []);
      return value;
    } catch (error) {
      if (!writer.isLost()) await client.query('ROLLBACK');
      throw error;
    }
  }

  return {
    read: new SqlTransaction((sql, values) => readPatiently(queryOf(pool), sql, values, patienceMs)),
    write(work) {
      const result = tail.then(() => transaction(work));
      tail = result.catch(() => {});
      return result;
    },
    async close() {
      await tail;
      await Promise.all([writer.client.end(), pool.end()]);
    },
  };
}

interface Writer {
  client: pg.Client;
  isLost(): boolean;
}

/** The one connection that writes; the server frees its lock when it breaks, and a successor may take it. */
async function connectWriter(settings: pg.ClientConfig, patienceMs: number): Promise<Writer> {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client(settings);
    let isLost = false;
    client.on('error', () => {
      isLost = true;
    });
    client.on('end', () => {
      isLost = true;
    });
    try {
      await client.connect();
      const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS held', [writerLock]);
      if (rows[0].held === true) return { client, isLost: () => isLost };
      await client.end();
    } catch (error) {
      await client.end().catch(() => {});
      if (!isAway(error) || Date.now() > deadline) throw asStoreError(error);
      await delay(Math.min(2000, 100 * 2 ** attempt));
      continue;
    }
    // The server notices a broken connection of ours a moment later than we do.
    if (attempt >= 5) {
      const hint = 'One control plane writes at a time: the others wait for its lease.';
      throw new SlipwayError('store.inUse', 'Another control plane writes to the database.', hint, 409);
    }
    await delay(200);
  }
}

async function migrate(client: pg.Client): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('CREATE TABLE IF NOT EXISTS schema_version (steps INTEGER NOT NULL)');
    const { rows } = await client.query('SELECT steps FROM schema_version');
    const seen: number = rows[0]?.steps ?? 0;
    if (seen > migrations.length) {
      throw new SlipwayError(
        'store.newer',
        `The database was written by a newer Slipway (schema ${seen}, this one knows ${migrations.length}).`,
        'Update Slipway, or use another database.',
      );
    }
    for (const step of migrations.slice(seen)) await client.query(inPostgres(step));
    await client.query('DELETE FROM schema_version');
    await client.query('INSERT INTO schema_version (steps) VALUES ($1)', [migrations.length]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw asStoreError(error);
  }
}

/** Text in the order of its bytes, as SQLite compares it, whatever the database's language is. */
function inPostgres(step: string): string {
  return step
    .replaceAll('INTEGER PRIMARY KEY AUTOINCREMENT', 'BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY')
    .replaceAll(/\bTEXT\b/g, 'TEXT COLLATE "C"');
}

function queryOf(connection: pg.Client | pg.Pool): Query {
  return async (sql, values) => {
    let number = 0;
    const numbered = sql.replaceAll('?', () => `$${++number}`);
    try {
      return (await connection.query(numbered, values)).rows;
    } catch (error) {
      throw asStoreError(error);
    }
  };
}

/** Reading twice is reading once: while the server is restarted, readers wait. */
async function readPatiently(query: Query, sql: string, values: Parameters<Query>[1], patienceMs: number) {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await query(sql, values);
    } catch (error) {
      const isUnreachable = error instanceof SlipwayError && error.code === 'store.unreachable';
      if (!isUnreachable || Date.now() > deadline) throw error;
      await delay(Math.min(2000, 100 * 2 ** attempt));
    }
  }
}

/** 64-bit integers are sequence numbers and times: far below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  const int8 = 20;
  return oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text');
}

/** PostgreSQL's own codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. */
function isAway(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return (
    /^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|08...|57P0[123])$/.test(code ?? '') ||
    /Connection terminated|not queryable|timeout expired|Client was closed/.test(message ?? '')
  );
}

function asStoreError(error: unknown): unknown {
  if (isAway(error)) {
    const message = `The database cannot be reached: ${(error as Error).message}`;
    return new SlipwayError('store.unreachable', message, 'Nothing is lost; try again.', 503, { cause: error });
  }
  if ((error as { code?: string }).code === '53100') {
    const hint = 'Free some disk space at the database; nothing was lost.';
    return new SlipwayError('store.full', 'The database has no room left.', hint, 507, { cause: error });
  }
  return error;
}
