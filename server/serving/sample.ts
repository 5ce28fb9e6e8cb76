/**
 * Samples of requests with their answers, for those who look at them and for drift: only where an endpoint says so,
 * only JSON, with the fields that were asked for. They go as JSON lines into files that the control plane takes in;
 * a client never waits for them, and what does not fit is left out and counted.
 */
import { appendFile, mkdir, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import type { SampleStatistics } from './statistics.ts';

export interface SampleRule {
  /** Share of the requests, 0 to 1. */
  rate: number;
  /** Where the files go. */
  folder: string;
  /** Dotted paths of the request's body to keep; empty keeps all. Lists are gone through: `instances.age`. */
  fields: string[];
  /** Dotted paths whose values are replaced, in the request and in the answer. */
  redact: string[];
}

/** One line of a file of samples. */
export interface Sample {
  id: string;
  /** ms since the epoch. */
  at: number;
  revision: string;
  path: string;
  status: number;
  latencyMs: number;
  request: unknown;
  answer: unknown;
}

/** Samples waiting to be written, in bytes; more than these are left out. */
const MAX_PENDING_BYTES = 8 * 1024 * 1024;
/** Files that the control plane has not taken in; with more than these nothing is written. */
const MAX_FILES = 32;
const FILE_BYTES = 4 * 1024 * 1024;
const WRITE_INTERVAL_MS = 250;

export const REDACTED = '[redacted]';

/** Writes the samples of one endpoint. */
export class SampleWriter {
  readonly rule: SampleRule;
  readonly #instance: string;
  readonly #counted: SampleStatistics;
  #pending: string[] = [];
  #pendingBytes = 0;
  #fileNumber = 0;
  #fileBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param instance names this gateway's files among those of others */
  constructor(rule: SampleRule, instance: string, counted: SampleStatistics) {
    this.rule = rule;
    this.#instance = instance;
    this.#counted = counted;
  }

  /** Whether the next request is one to sample. */
  wants(): boolean {
    return Math.random() < this.rule.rate;
  }

  /** Takes a request and its answer; what is not JSON is left out. */
  take(facts: Omit<Sample, 'request' | 'answer'>, request: Buffer, answer: Buffer | null): void {
    if (answer === null || this.#pendingBytes > MAX_PENDING_BYTES) {
      this.#counted.dropped++;
      return;
    }
    let line: string;
    try {
      const asked: unknown = JSON.parse(request.toString());
      const { fields, redact } = this.rule;
      const kept = fields.length === 0 ? asked : withOnly(asked, fields);
      const sample: Sample = {
        ...facts,
        request: without(kept, redact),
        answer: without(JSON.parse(answer.toString()), redact),
      };
      line = `${JSON.stringify(sample)}\n`;
    } catch {
      this.#counted.dropped++;
      return;
    }
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    this.#counted.taken++;
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Writes what is waiting; resolves when it is in the file. Never throws: what cannot be written is counted. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writing = this.#writing.then(() => this.#write(lines));
    return this.#writing;
  }

  async #write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const { folder } = this.rule;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await readdir(folder)).length >= MAX_FILES) throw new Error('too many files are waiting');
      const text = lines.join('');
      await appendFile(this.#file('part'), text, { mode: 0o600 });
      this.#fileBytes += text.length;
      if (this.#fileBytes < FILE_BYTES) return;
      await rename(this.#file('part'), this.#file('jsonl'));
      this.#fileNumber++;
      this.#fileBytes = 0;
    } catch {
      this.#counted.taken -= lines.length;
      this.#counted.dropped += lines.length;
    }
  }

  /** A file that grows ends in `.part`; a `.jsonl` is whole. */
  #file(extension: 'part' | 'jsonl'): string {
    return path.join(this.rule.folder, `${this.#instance}-${this.#fileNumber}.${extension}`);
  }
}

/** A copy with only the named paths; a list keeps its length. */
export function withOnly(value: unknown, paths: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => withOnly(each, paths));
  if (typeof value !== 'object' || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    const deeper = below(paths, key);
    if (deeper === 'whole') kept[key] = inner;
    else if (deeper.length > 0) kept[key] = withOnly(inner, deeper);
  }
  return kept;
}

/** A copy with the values at the named paths replaced. */
export function without(value: unknown, paths: readonly string[]): unknown {
  if (paths.length === 0) return value;
  if (Array.isArray(value)) return value.map((each) => without(each, paths));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const deeper = below(paths, key);
      return [key, deeper === 'whole' ? REDACTED : without(inner, deeper)];
    }),
  );
}

/** What paths say of the value under a key: all of it, or of parts of it. */
function below(paths: readonly string[], key: string): 'whole' | string[] {
  if (paths.includes(key)) return 'whole';
  return paths.filter((each) => each.startsWith(`${key}.`)).map((each) => each.slice(key.length + 1));
}
