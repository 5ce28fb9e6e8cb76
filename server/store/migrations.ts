/** The schema, step by step; a database records how many steps it has seen. Steps are never edited, only added. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE value (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL, event TEXT NOT NULL);
  CREATE INDEX event_of ON event (kind, id, seq);
  CREATE TABLE snapshot (
    kind TEXT NOT NULL, id TEXT NOT NULL, seq BIGINT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (kind, id));
  CREATE TABLE command (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, subject TEXT NOT NULL,
    command TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX command_pending ON command (number) WHERE done = 0;
  CREATE TABLE entity (
    created INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL,
    parent TEXT NOT NULL, cursor BIGINT NOT NULL, removed INTEGER NOT NULL DEFAULT 0, data TEXT NOT NULL, UNIQUE (topic, id));
  CREATE INDEX entity_changed ON entity (topic, cursor);
  CREATE INDEX entity_parent ON entity (topic, parent, created);
  CREATE INDEX entity_project ON entity (topic, project, created);
  CREATE TABLE receipt (
    project TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, subject TEXT NOT NULL,
    envelope TEXT NOT NULL, PRIMARY KEY (project, seq));
  CREATE TABLE receipt_subject (
    receipt TEXT NOT NULL, name TEXT NOT NULL, algorithm TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (receipt, name, algorithm));
  CREATE INDEX receipt_subject_name ON receipt_subject (name);
  CREATE INDEX receipt_subject_digest ON receipt_subject (algorithm, digest);
  `,
];
