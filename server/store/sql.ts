/**
 * The queries of every relational store, in the SQL that SQLite and PostgreSQL share, with `?` for values. What differs
 * (connections, transactions, the words of the schema) is in the file of each.
 */
import type {
  EntityFilter,
  ReadTransaction,
  StoredCommand,
  StoredEntity,
  StoredEvent,
  StoredReceipt,
  WriteTransaction,
} from './index.ts';

export type SqlValue = string | number | null;
export type Row = Record<string, unknown>;
/** Runs one statement and gives its rows; those of a write too, where it says RETURNING. */
export type Query = (sql: string, values: SqlValue[]) => Row[] | Promise<Row[]>;

export class SqlTransaction implements WriteTransaction, ReadTransaction {
  readonly #query: Query;

  constructor(query: Query) {
    this.#query = query;
  }

  async #all(sql: string, ...values: SqlValue[]): Promise<Row[]> {
    return this.#query(sql, values);
  }

  async #get(sql: string, ...values: SqlValue[]): Promise<Row | undefined> {
    return (await this.#query(sql, values))[0];
  }

  async events(kind: string, id: string, afterSeq: number): Promise<StoredEvent[]> {
    const sql = 'SELECT * FROM event WHERE kind = ? AND id = ? AND seq > ? ORDER BY seq';
    return (await this.#all(sql, kind, id, afterSeq)).map((row) => ({
      ...(row as unknown as StoredEvent),
      event: JSON.parse(String(row['event'])),
    }));
  }

  async snapshot(kind: string, id: string) {
    const row = await this.#get('SELECT seq, state FROM snapshot WHERE kind = ? AND id = ?', kind, id);
    return row && { seq: Number(row['seq']), state: JSON.parse(String(row['state'])) as unknown };
  }

  async pendingCommands(): Promise<StoredCommand[]> {
    const rows = await this.#all('SELECT id, kind, subject, command FROM command WHERE done = 0 ORDER BY number');
    return rows.map((row) => ({
      ...(row as unknown as StoredCommand),
      command: JSON.parse(String(row['command'])),
    }));
  }

  async entity(topic: string, id: string): Promise<StoredEntity | undefined> {
    const row = await this.#get('SELECT * FROM entity WHERE topic = ? AND id = ? AND removed = 0', topic, id);
    return row && entityOf(row);
  }

  async entities(filter: EntityFilter) {
    const where = ['topic = ?'];
    const values: SqlValue[] = [filter.topic];
    const add = (clause: string, ...more: SqlValue[]) => {
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
    return (await this.#all(sql, ...values, filter.limit)).map((row) => ({
      ...entityOf(row),
      created: Number(row['created']),
    }));
  }

  async cursor(): Promise<number> {
    return Number((await this.#get("SELECT value FROM value WHERE key = 'cursor'"))?.['value'] ?? 0);
  }

  async head(project: string) {
    const row = await this.#get('SELECT seq, id FROM receipt WHERE project = ? ORDER BY seq DESC LIMIT 1', project);
    return row && { seq: Number(row['seq']), id: String(row['id']) };
  }

  async receipts(filter: { project?: string; id?: string; subject?: string; beforeSeq?: number; limit?: number }) {
    const where = ['1 = 1'];
    const values: SqlValue[] = [];
    const add = (clause: string, value: SqlValue) => {
      where.push(clause);
      values.push(value);
    };
    if (filter.project !== undefined) add('project = ?', filter.project);
    if (filter.id !== undefined) add('id = ?', filter.id);
    if (filter.subject !== undefined) add('id IN (SELECT receipt FROM receipt_subject WHERE name = ?)', filter.subject);
    if (filter.beforeSeq !== undefined) add('seq < ?', filter.beforeSeq);
    const sql = `SELECT * FROM receipt WHERE ${where.join(' AND ')} ORDER BY project, seq DESC LIMIT ?`;
    const rows = await this.#all(sql, ...values, filter.limit ?? Number.MAX_SAFE_INTEGER);
    return rows as unknown as StoredReceipt[];
  }

  async receiptProjects(): Promise<string[]> {
    const rows = await this.#all('SELECT DISTINCT project FROM receipt ORDER BY project');
    return rows.map((row) => String(row['project']));
  }

  async hasSubject(project: string, algorithm: string, digest: string): Promise<boolean> {
    const sql = `SELECT 1 FROM receipt JOIN receipt_subject ON receipt_subject.receipt = receipt.id
       WHERE algorithm = ? AND digest = ? AND project = ? LIMIT 1`;
    return (await this.#get(sql, algorithm, digest, project)) !== undefined;
  }

  async receiptOfDigest(algorithm: string, digest: string): Promise<StoredReceipt | undefined> {
    const row = await this.#get(
      `SELECT receipt.* FROM receipt JOIN receipt_subject ON receipt_subject.receipt = receipt.id
       WHERE algorithm = ? AND digest = ? ORDER BY receipt.seq DESC LIMIT 1`,
      algorithm,
      digest,
    );
    return row as unknown as StoredReceipt | undefined;
  }

  async value(key: string): Promise<string | undefined> {
    const row = await this.#get('SELECT value FROM value WHERE key = ?', key);
    return row && String(row['value']);
  }

  async appendEvent(kind: string, id: string, at: number, event: unknown): Promise<number> {
    const sql = 'INSERT INTO event (kind, id, at, event) VALUES (?, ?, ?, ?) RETURNING seq';
    return Number((await this.#get(sql, kind, id, at, JSON.stringify(event)))!['seq']);
  }

  async putSnapshot(kind: string, id: string, seq: number, state: unknown): Promise<void> {
    await this.#all(
      `INSERT INTO snapshot (kind, id, seq, state) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, state = excluded.state`,
      ...[kind, id, seq, JSON.stringify(state)],
    );
  }

  async addCommand(command: StoredCommand): Promise<void> {
    await this.#all(
      'INSERT INTO command (id, kind, subject, command) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
      ...[command.id, command.kind, command.subject, JSON.stringify(command.command)],
    );
  }

  async completeCommand(id: string): Promise<boolean> {
    return (await this.#get('UPDATE command SET done = 1 WHERE id = ? AND done = 0 RETURNING id', id)) !== undefined;
  }

  async putEntity(entity: Omit<StoredEntity, 'cursor' | 'removed'>): Promise<StoredEntity> {
    const cursor = await this.#nextCursor();
    await this.#all(
      `INSERT INTO entity (topic, id, project, parent, cursor, data) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (topic, id) DO UPDATE SET project = excluded.project, parent = excluded.parent,
         cursor = excluded.cursor, removed = 0, data = excluded.data`,
      ...[entity.topic, entity.id, entity.project, entity.parent, cursor, JSON.stringify(entity.data)],
    );
    return { ...entity, cursor, removed: false };
  }

  async removeEntity(topic: string, id: string): Promise<StoredEntity | undefined> {
    const entity = await this.entity(topic, id);
    if (!entity) return undefined;
    const cursor = await this.#nextCursor();
    const sql = "UPDATE entity SET removed = 1, cursor = ?, data = 'null' WHERE topic = ? AND id = ?";
    await this.#all(sql, cursor, topic, id);
    return { ...entity, cursor, removed: true, data: null };
  }

  async appendReceipt(
    receipt: StoredReceipt,
    subjects: { name: string; digest: Record<string, string> }[],
  ): Promise<void> {
    const { project, seq, id, kind, subject, envelope } = receipt;
    await this.#all(
      'INSERT INTO receipt (project, seq, id, kind, subject, envelope) VALUES (?, ?, ?, ?, ?, ?)',
      ...[project, seq, id, kind, subject, envelope],
    );
    for (const { name, digest } of subjects) {
      for (const [algorithm, hex] of Object.entries(digest)) {
        await this.#all(
          'INSERT INTO receipt_subject (receipt, name, algorithm, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
          ...[id, name, algorithm, hex],
        );
      }
    }
  }

  async setValue(key: string, value: string): Promise<void> {
    const sql = 'INSERT INTO value (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value';
    await this.#all(sql, key, value);
  }

  async #nextCursor(): Promise<number> {
    const cursor = (await this.cursor()) + 1;
    await this.setValue('cursor', String(cursor));
    return cursor;
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
