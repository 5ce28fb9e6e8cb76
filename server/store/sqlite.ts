import { copyFileSync, existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SlipwayError } from '../protocol/errors.ts';
import type { Store } from './index.ts';
import { migrations } from './migrations.ts';
import { type Query, SqlTransaction } from './sql.ts';

/**
 * Opens (or makes) the embedded store. Before a migration the database is copied beside itself.
 * @throws SlipwayError `store.damaged`, `store.newer`
 */
export function openSqliteStore(path: string): Store {
  const writer = openDatabase(path);
  migrate(writer, path);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('PRAGMA busy_timeout = 5000');
  const tx = new SqlTransaction(queryOf(writer, path));
  let tail: Promise<unknown> = Promise.resolve();
  return {
    read: new SqlTransaction(queryOf(reader, path)),
    write(work) {
      const result = tail.then(async () => {
        writer.exec('BEGIN IMMEDIATE');
        try {
          const value = await work(tx);
          writer.exec('COMMIT');
          return value;
        } catch (error) {
          if (writer.isTransaction) writer.exec('ROLLBACK');
          throw asStoreError(error, path);
        }
      });
      tail = result.catch(() => {});
      return result;
    },
    async close() {
      await tail;
      reader.close();
      writer.close();
    },
  };
}

/** Looks at every page of a database file. @throws SlipwayError `store.damaged` */
export function checkDatabase(path: string): void {
  const database = openDatabase(path);
  try {
    const rows = database.prepare('PRAGMA integrity_check(3)').all() as { integrity_check: string }[];
    if (rows[0]?.integrity_check !== 'ok') throw damaged(path, rows.map((row) => row.integrity_check).join('; '));
  } catch (error) {
    throw asStoreError(error, path);
  } finally {
    database.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path);
    // A commit is on disk when it returns: what a command did outside is never ahead of what is stored.
    database.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    return database;
  } catch (error) {
    throw asStoreError(error, path);
  }
}

function migrate(database: DatabaseSync, path: string): void {
  try {
    const { user_version: seen } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (seen > migrations.length) {
      throw new SlipwayError(
        'store.newer',
        `The database ${path} was written by a newer Slipway (schema ${seen}, this one knows ${migrations.length}).`,
        'Update Slipway, or use another data folder.',
      );
    }
    if (seen === migrations.length) return;
    if (seen > 0 && existsSync(path)) {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      copyFileSync(path, `${path}.schema-${seen}`);
    }
    database.exec('BEGIN IMMEDIATE');
    for (const step of migrations.slice(seen)) database.exec(step);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
    throw asStoreError(error, path);
  }
}

function damaged(path: string, detail: string): SlipwayError {
  return new SlipwayError(
    'store.damaged',
    `The database file ${path} is damaged: ${detail}.`,
    'Restore it from a backup, or from the copy that is kept beside it before each migration.',
    500,
  );
}

/** SQLite's own error numbers: 11 SQLITE_CORRUPT, 13 SQLITE_FULL, 26 SQLITE_NOTADB (https://sqlite.org/rescode.html). */
function asStoreError(error: unknown, path: string): unknown {
  const number = (error as { errcode?: number }).errcode;
  if (number === undefined) return error;
  const message = (error as Error).message;
  if ((number & 0xff) === 11 || number === 26) return damaged(path, message);
  if ((number & 0xff) === 13) {
    return new SlipwayError(
      'store.full',
      `No room left to write ${path}.`,
      'Free some disk space; nothing was lost.',
      507,
    );
  }
  return error;
}

/** Statements are prepared once a connection. */
function queryOf(database: DatabaseSync, path: string): Query {
  const statements = new Map<string, StatementSync>();
  return (sql, values) => {
    try {
      const known = statements.get(sql) ?? database.prepare(sql);
      statements.set(sql, known);
      return known.all(...values);
    } catch (error) {
      throw asStoreError(error, path);
    }
  };
}
