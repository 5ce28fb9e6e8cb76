import type { BigIntStats } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** The digests of a file as it was when it was hashed. */
export interface IndexedFile {
  path: string;
  /** Its {@link FileState} while it was read. */
  signature: string;
  /** When its hashing began, in nanoseconds since the epoch. */
  hashedAtNs: bigint;
  md5: string;
  sha256: string;
}

/**
 * A file stamped this shortly before its hashing may have been written once more within the same tick of the file
 * system's clock, unseen. FAT has the coarsest one, two seconds; the kernel's own runs up to 10 ms behind.
 */
const CLOCK_GRANULARITY_NS = 2_000_000_000n;

/** What stat(2) says of a file. */
export interface FileState {
  bytes: number;
  /** Size, mtime, ctime, inode and device: tells one state of a file from another without reading it. */
  signature: string;
  /** The later of mtime and ctime, in nanoseconds since the epoch. */
  stampedNs: bigint;
}

/** The few facts that are kept of a stat: there may be very many files. */
export function fileState({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats): FileState {
  return {
    bytes: Number(size),
    signature: `${size}:${mtimeNs}:${ctimeNs}:${ino}:${dev}`,
    stampedNs: mtimeNs > ctimeNs ? mtimeNs : ctimeNs,
  };
}

/**
 * Remembers which file had which digests, so that an unchanged file is not read again. An entry whose mtime or ctime is
 * not older than its hashing counts for nothing ("racily clean", Documentation/technical/racy-git.txt of git).
 */
export class StatIndex {
  readonly #db: DatabaseSync;

  /** @param file an SQLite file of its own, made if it is not there; on a local disk */
  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#db = new DatabaseSync(file);
    this.#db.exec(`
      PRAGMA busy_timeout = 10000;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS files (
        path TEXT PRIMARY KEY, signature TEXT NOT NULL, hashedAtNs INTEGER NOT NULL,
        md5 TEXT NOT NULL, sha256 TEXT NOT NULL
      ) WITHOUT ROWID, STRICT;`);
  }

  /** A look-up for many files, prepared once: the digests of a path whose stat is still the recorded one, else null. */
  lookup(): (path: string, state: FileState) => { md5: string; sha256: string } | null {
    const select = this.#db.prepare('SELECT signature, hashedAtNs, md5, sha256 FROM files WHERE path = ?');
    select.setReadBigInts(true);
    return (path, { signature, stampedNs }) => {
      const row = select.get(path) as (Omit<IndexedFile, 'path'> & Record<string, unknown>) | undefined;
      if (row === undefined || row.signature !== signature) return null;
      if (stampedNs + CLOCK_GRANULARITY_NS >= row.hashedAtNs) return null;
      return { md5: row.md5, sha256: row.sha256 };
    };
  }

  /** Records files, in one transaction. */
  record(files: readonly IndexedFile[]): void {
    const insert = this.#db.prepare('INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)');
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const { path, signature, hashedAtNs, md5, sha256 } of files) {
        insert.run(path, signature, hashedAtNs, md5, sha256);
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Forgets what is known of files at or below a path, as when a dataset is deleted. */
  forget(path: string): void {
    this.#db
      .prepare('DELETE FROM files WHERE path = ? OR substr(path, 1, length(?)) = ?')
      .run(path, `${path}/`, `${path}/`);
  }

  close(): void {
    this.#db.close();
  }
}
