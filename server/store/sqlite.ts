import { copyFileSync, existsSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SlipwayError } from '../protocol/errors.ts';
import type {
  EntityFilter,
  ReadTransaction,
  Store,
  StoredCommand,
  StoredEntity,
  StoredEvent,
  StoredReceipt,
  WriteTransaction,
} from './index.ts';
import { migrations } from './migrations.ts';

/**
 * Opens (or makes) the embedded store. Before a migration the database is copied beside itself.
 * @throws SlipwayError `store.damaged`, `store.newer`
 */
export function openSqliteStore(path: string): Store {
  const writer = openDatabase(path);
  migrate(writer, path);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec('PRAGMA busy_timeout = 5000');
  const tx = new SqliteTransaction(writer, path);
  let tail: Promise<unknown> = Promise.resolve();
  return {
    read: new SqliteTransaction(reader, path),
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

type Row = Record<string, SQLInputValue>;

class SqliteTransaction implements WriteTransaction, ReadTransaction {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    try {
      return this.#prepare(sql).all(...values) as Row[];
    } catch (error) {
      throw asStoreError(error, this.#path);
    }
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    try {
      return this.#prepare(sql).get(...values) as Row | undefined;
    } catch (error) {
      throw asStoreError(error, this.#path);
    }
  }

  async events(kind: string, id: string, afterSeq: number): Promise<StoredEvent[]> {
    return this.#all('SELECT * FROM event WHERE kind = ? AND id = ? AND seq > ? ORDER BY seq', kind, id, afterSeq).map(
      (row) => ({ ...(row as unknown as StoredEvent), event: JSON.parse(String(row['event'])) }),
    );
  }

  async snapshot(kind: string, id: string) {
    const row = this.#get('SELECT seq, state FROM snapshot WHERE kind = ? AND id = ?', kind, id);
    return row && { seq: Number(row['seq']), state: JSON.parse(String(row['state'])) as unknown };
  }

  async pendingCommands(): Promise<StoredCommand[]> {
    return this.#all('SELECT id, kind, subject, command FROM command WHERE done = 0 ORDER BY number').map((row) => ({
      ...(row as unknown as StoredCommand),
      command: JSON.parse(String(row['command'])),
    }));
  }

  async entity(topic: string, id: string): Promise<StoredEntity | undefined> {
    const row = this.#get('SELECT * FROM entity WHERE topic = ? AND id = ? AND removed = 0', topic, id);
    return row && entityOf(row);
  }

  async entities(filter: EntityFilter) {
    const where = ['topic = ?'];
    const values: SQLInputValue[] = [filter.topic];
    const add = (clause: string, ...more: SQLInputValue[]) => {
      where.push(clause);
      values.push(...more);
    };
    if (filter.project !== undefined) add('project = ?', filter.project);
    if (filter.parent !== undefined) add('parent = ?', filter.parent);
    if (filter.of !== undefined) add('(id = ? OR project = ? OR parent = ?)', filter.of, filter.of, filter.of);
    if (filter.after === undefined) add('removed = 0');
    else add('cursor > ?', filter.after);
    if (filter.before !== undefined) add('created < ?', filter.before);
    const order = filter.after === undefined ? 'created DESC' : 'cursor';
    const sql = `SELECT * FROM entity WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ?`;
    return this.#all(sql, ...values, filter.limit).map((row) => ({
      ...entityOf(row),
      created: Number(row['created']),
    }));
  }

  async cursor(): Promise<number> {
    return Number(this.#get("SELECT value FROM value WHERE key = 'cursor'")?.['value'] ?? 0);
  }

  async head(project: string) {
    const row = this.#get('SELECT seq, id FROM receipt WHERE project = ? ORDER BY seq DESC LIMIT 1', project);
    return row && { seq: Number(row['seq']), id: String(row['id']) };
  }

  async receipts(filter: { project?: string; id?: string; subject?: string; beforeSeq?: number; limit?: number }) {
    const where = ['1 = 1'];
    const values: SQLInputValue[] = [];
    const add = (clause: string, value: SQLInputValue) => {
      where.push(clause);
      values.push(value);
    };
    if (filter.project !== undefined) add('project = ?', filter.project);
    if (filter.id !== undefined) add('id = ?', filter.id);
    if (filter.subject !== undefined) add('id IN (SELECT receipt FROM receipt_subject WHERE name = ?)', filter.subject);
    if (filter.beforeSeq !== undefined) add('seq < ?', filter.beforeSeq);
    const sql = `SELECT * FROM receipt WHERE ${where.join(' AND ')} ORDER BY project, seq DESC LIMIT ?`;
    return this.#all(sql, ...values, filter.limit ?? -1) as unknown as StoredReceipt[];
  }

  async receiptProjects(): Promise<string[]> {
    return this.#all('SELECT DISTINCT project FROM receipt ORDER BY project').map((row) => String(row['project']));
  }

  async hasSubject(project: string, algorithm: string, digest: string): Promise<boolean> {
    const sql = `SELECT 1 FROM receipt JOIN receipt_subject ON receipt_subject.receipt = receipt.id
       WHERE algorithm = ? AND digest = ? AND project = ? LIMIT 1`;
    return this.#get(sql, algorithm, digest, project) !== undefined;
  }

  async receiptOfDigest(algorithm: string, digest: string): Promise<StoredReceipt | undefined> {
    return this.#get(
      `SELECT receipt.* FROM receipt JOIN receipt_subject ON receipt_subject.receipt = receipt.id
       WHERE algorithm = ? AND digest = ? ORDER BY receipt.seq DESC LIMIT 1`,
      algorithm,
      digest,
    ) as unknown as StoredReceipt | undefined;
  }

  async value(key: string): Promise<string | undefined> {
    const row = this.#get('SELECT value FROM value WHERE key = ?', key);
    return row && String(row['value']);
  }

  async appendEvent(kind: string, id: string, at: number, event: unknown): Promise<number> {
    const sql = 'INSERT INTO event (kind, id, at, event) VALUES (?, ?, ?, ?)';
    return Number(this.#prepare(sql).run(kind, id, at, JSON.stringify(event)).lastInsertRowid);
  }

  async putSnapshot(kind: string, id: string, seq: number, state: unknown): Promise<void> {
    this.#prepare(
      `INSERT INTO snapshot (kind, id, seq, state) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, state = excluded.state`,
    ).run(kind, id, seq, JSON.stringify(state));
  }

  async addCommand(command: StoredCommand): Promise<void> {
    this.#prepare(
      'INSERT INTO command (id, kind, subject, command) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    ).run(command.id, command.kind, command.subject, JSON.stringify(command.command));
  }

  async completeCommand(id: string): Promise<boolean> {
    return this.#prepare('UPDATE command SET done = 1 WHERE id = ? AND done = 0').run(id).changes === 1;
  }

  async putEntity(entity: Omit<StoredEntity, 'cursor' | 'removed'>): Promise<StoredEntity> {
    const cursor = (await this.cursor()) + 1;
    await this.setValue('cursor', String(cursor));
    this.#prepare(
      `INSERT INTO entity (topic, id, project, parent, cursor, data) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (topic, id) DO UPDATE SET project = excluded.project, parent = excluded.parent,
         cursor = excluded.cursor, removed = 0, data = excluded.data`,
    ).run(entity.topic, entity.id, entity.project, entity.parent, cursor, JSON.stringify(entity.data));
    return { ...entity, cursor, removed: false };
  }

  async removeEntity(topic: string, id: string): Promise<StoredEntity | undefined> {
    const entity = await this.entity(topic, id);
    if (!entity) return undefined;
    const cursor = (await this.cursor()) + 1;
    await this.setValue('cursor', String(cursor));
    this.#prepare("UPDATE entity SET removed = 1, cursor = ?, data = 'null' WHERE topic = ? AND id = ?").run(
      cursor,
      topic,
      id,
    );
    return { ...entity, cursor, removed: true, data: null };
  }

  async appendReceipt(
    receipt: StoredReceipt,
    subjects: { name: string; digest: Record<string, string> }[],
  ): Promise<void> {
    this.#prepare('INSERT INTO receipt (project, seq, id, kind, subject, envelope) VALUES (?, ?, ?, ?, ?, ?)').run(
      receipt.project,
      receipt.seq,
      receipt.id,
      receipt.kind,
      receipt.subject,
      receipt.envelope,
    );
    for (const { name, digest } of subjects) {
      for (const [algorithm, hex] of Object.entries(digest)) {
        this.#prepare(
          'INSERT INTO receipt_subject (receipt, name, algorithm, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
        ).run(receipt.id, name, algorithm, hex);
      }
    }
  }

  async setValue(key: string, value: string): Promise<void> {
    this.#prepare(
      'INSERT INTO value (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    ).run(key, value);
  }
}

function entityOf(row: Row): StoredEntity {
  return {
    topic: String(row['topic']),
    id: String(row['id']),
    project: String(row['project']),
    parent: String(row['parent']),
    cursor: Number(row['cursor']),
    removed: row['removed'] === 1,
    data: JSON.parse(String(row['data'])) as unknown,
  };
}
