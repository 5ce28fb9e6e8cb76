/**
 * The relational store behind one interface: the event log, snapshots, pending commands, views, receipts, counters.
 * It imports the protocol only; the engine is its only caller. SQLite is the embedded implementation; what is asked
 * here is plain enough for PostgreSQL. Everything written inside one `write` is stored together or not at all.
 */
export interface StoredEvent {
  seq: number;
  kind: string;
  id: string;
  at: number;
  event: unknown;
}

export interface StoredCommand {
  /** Follows from the event that gave the command: doing it twice is doing it once. */
  id: string;
  kind: string;
  subject: string;
  command: { type: string };
}

/** One object of a topic as the API shows it, with the cursor of its last change. */
export interface StoredEntity {
  topic: string;
  id: string;
  project: string;
  parent: string;
  cursor: number;
  removed: boolean;
  data: unknown;
}

export interface StoredReceipt {
  project: string;
  seq: number;
  /** Hex SHA-256 of the decoded payload; the receipt's id. */
  id: string;
  kind: string;
  subject: string;
  envelope: string;
}

export interface EntityFilter {
  topic: string;
  project?: string;
  parent?: string;
  /** Only objects that changed after this cursor, removed ones included. */
  after?: number;
  /** Id, project or parent is this. */
  of?: string;
  /** Continue a newest-first list below this creation number. */
  before?: number;
  limit: number;
}

export interface ReadTransaction {
  events(kind: string, id: string, afterSeq: number): Promise<StoredEvent[]>;
  snapshot(kind: string, id: string): Promise<{ seq: number; state: unknown } | undefined>;
  pendingCommands(): Promise<StoredCommand[]>;
  entity(topic: string, id: string): Promise<StoredEntity | undefined>;
  /** By cursor, oldest change first, when `after` is given; else newest created first, with `created` to page by. */
  entities(filter: EntityFilter): Promise<(StoredEntity & { created: number })[]>;
  cursor(): Promise<number>;
  head(project: string): Promise<{ seq: number; id: string } | undefined>;
  receipts(filter: {
    project?: string;
    id?: string;
    subject?: string;
    beforeSeq?: number;
    limit?: number;
  }): Promise<StoredReceipt[]>;
  receiptProjects(): Promise<string[]>;
  /** Whether a receipt of the project names this digest as a subject. */
  hasSubject(project: string, algorithm: string, digest: string): Promise<boolean>;
  /** The receipt that names this digest as a subject, newest first. */
  receiptOfDigest(algorithm: string, digest: string): Promise<StoredReceipt | undefined>;
  value(key: string): Promise<string | undefined>;
}

export interface WriteTransaction extends ReadTransaction {
  appendEvent(kind: string, id: string, at: number, event: unknown): Promise<number>;
  putSnapshot(kind: string, id: string, seq: number, state: unknown): Promise<void>;
  addCommand(command: StoredCommand): Promise<void>;
  completeCommand(id: string): Promise<boolean>;
  putEntity(entity: Omit<StoredEntity, 'cursor' | 'removed'>): Promise<StoredEntity>;
  removeEntity(topic: string, id: string): Promise<StoredEntity | undefined>;
  appendReceipt(receipt: StoredReceipt, subjects: { name: string; digest: Record<string, string> }[]): Promise<void>;
  setValue(key: string, value: string): Promise<void>;
}

export interface Store {
  /** Runs `work` in one transaction, one at a time; a thrown error rolls everything back. */
  write<T>(work: (tx: WriteTransaction) => Promise<T>): Promise<T>;
  /** Reads committed data. */
  readonly read: ReadTransaction;
  close(): Promise<void>;
}
