/**
 * The samples that the gateway writes and the labels that come back for them. The files are the truth: the memory of
 * them is bounded, and built anew after a restart.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { predictedLabel, type Row, rowsOf } from '../domain/drift/rows.ts';
import type { Labelled } from '../domain/rollout/counters.ts';
import { SlipwayError } from '../protocol/errors.ts';

const sampleSchema = z.object({
  id: z.string(),
  at: z.number(),
  revision: z.string(),
  path: z.string(),
  status: z.number(),
  latencyMs: z.number(),
  request: z.unknown(),
  answer: z.unknown(),
});
export type Sample = z.infer<typeof sampleSchema>;

const labelSchema = z.object({ id: z.string(), at: z.number(), label: z.unknown() });

interface Known {
  at: number;
  revision: string;
  /** For each instance; undefined where the answer has no label to compare. */
  predicted: (string | undefined)[];
}

interface Label {
  at: number;
  label: unknown;
}

/** Requests whose label may still come. */
const MAX_KNOWN = 100_000;
/** Samples of windows that are not closed yet. */
const MAX_OPEN = 50_000;
/** Files of samples that were taken in are kept up to this size in all, for a restart. */
const MAX_TAKEN_BYTES = 64 * 1024 * 1024;
/** A file that another start of the gateway left, and that grows no more. */
const ORPHAN_AFTER_MS = 10_000;

export class EndpointSamples {
  readonly #folder: string;
  readonly #known = new Map<string, Known>();
  readonly #labels = new Map<string, Label>();
  readonly #offsets = new Map<string, number>();
  #open: Sample[] = [];
  /** Samples older than this are of a closed window. */
  #closedUntil: number;

  private constructor(folder: string, closedUntil: number) {
    this.#folder = folder;
    this.#closedUntil = closedUntil;
  }

  /** @param closedUntil the end of the last window that was judged, ms since the epoch */
  static async open(folder: string, closedUntil: number): Promise<EndpointSamples> {
    const samples = new EndpointSamples(folder, closedUntil);
    await mkdir(join(folder, 'taken'), { recursive: true, mode: 0o700 });
    for (const line of await wholeLines(samples.#labelsFile())) {
      const label = labelSchema.safeParse(parsed(line));
      if (label.success) samples.#labels.set(label.data.id, { at: label.data.at, label: label.data.label });
    }
    for (const name of (await readdir(join(folder, 'taken'))).sort()) {
      await samples.#read(join(folder, 'taken', name));
    }
    await samples.take();
    return samples;
  }

  /** Reads what the gateway has written since; a file that is whole is put aside. */
  async take(): Promise<void> {
    for (const name of (await readdir(this.#folder)).sort()) {
      const file = join(this.#folder, name);
      if (!/\.(part|jsonl)$/.test(name)) continue;
      await this.#read(file);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Date.now() }));
      if (name.endsWith('.jsonl') || mtimeMs < Date.now() - ORPHAN_AFTER_MS) {
        await rename(file, join(this.#folder, 'taken', `${mtimeMs.toFixed(0).padStart(15, '0')}-${name}`));
        this.#offsets.delete(file);
      }
    }
    await this.#trim();
  }

  /**
   * Keeps the true label of a sampled request; it is on disk when this resolves. The same label twice is once.
   * @throws SlipwayError `feedback.unknownRequest`, `feedback.otherLabel`, `feedback.count`
   */
  async addLabel(endpoint: string, id: string, label: unknown, at: number): Promise<void> {
    const known = this.#known.get(id);
    if (!known) {
      throw new SlipwayError(
        'feedback.unknownRequest',
        `No sampled request of ${endpoint} has the id ${JSON.stringify(id)}.`,
        'Labels belong to requests that were sampled (monitor.sample.rate); their id is in the answer’s X-Request-Id.',
        404,
      );
    }
    const count = Array.isArray(label) ? label.length : 1;
    if (count !== known.predicted.length) {
      throw new SlipwayError(
        'feedback.count',
        `The request ${id} has ${known.predicted.length} predictions, and ${count} labels came.`,
        'Send a list with one label for each prediction.',
        400,
      );
    }
    const before = this.#labels.get(id);
    if (before) {
      if (JSON.stringify(before.label) === JSON.stringify(label)) return;
      throw new SlipwayError('feedback.otherLabel', `The request ${id} has another label already.`, '', 409);
    }
    const file = await open(this.#labelsFile(), 'a', 0o600);
    try {
      await file.appendFile(`${JSON.stringify({ id, at, label })}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#labels.set(id, { at, label });
  }

  /** A sampled request that is still known: which revision answered it, and when. */
  find(id: string): { revision: string; at: number } | undefined {
    const known = this.#known.get(id);
    return known && { revision: known.revision, at: known.at };
  }

  /** Labels and wrong predictions of each revision, for labels that came back since a time. */
  quality(since: number): Record<string, Labelled> {
    const sums: Record<string, Labelled> = {};
    for (const [id, { at, label }] of this.#labels) {
      const known = at >= since ? this.#known.get(id) : undefined;
      if (!known || known.at < since) continue;
      sums[known.revision] ??= { labels: 0, wrong: 0 };
      const sum = sums[known.revision]!;
      const labels = Array.isArray(label) ? label : [label];
      for (const [index, predicted] of known.predicted.entries()) {
        if (predicted === undefined) continue;
        sum.labels++;
        if (predicted !== String(labels[index])) sum.wrong++;
      }
    }
    return sums;
  }

  /** The samples of a window that is over, oldest first. They are forgotten with {@link close}. */
  window(from: number, to: number): { sample: Sample; rows: Row[]; labels: unknown[] | undefined }[] {
    const inside = this.#open.filter(({ at }) => at >= from && at < to);
    return inside.map((sample) => {
      const label = this.#labels.get(sample.id)?.label;
      const labels = label === undefined ? undefined : Array.isArray(label) ? label : [label];
      return { sample, rows: rowsOf(sample.request, sample.answer), labels };
    });
  }

  /** When the oldest sample of a window that is not closed came; null without one. */
  oldest(): number | null {
    return this.#open[0]?.at ?? null;
  }

  /** Everything before this time is done with. */
  close(until: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, until);
    this.#open = this.#open.filter(({ at }) => at >= this.#closedUntil);
  }

  async #read(file: string): Promise<void> {
    const offset = this.#offsets.get(file) ?? 0;
    const bytes = await readFile(file).catch(() => Buffer.alloc(0));
    const end = bytes.lastIndexOf(10) + 1;
    if (end <= offset) return;
    this.#offsets.set(file, end);
    for (const line of bytes.toString('utf8', offset, end).split('\n')) {
      const sample = sampleSchema.safeParse(parsed(line));
      if (sample.success) this.#note(sample.data);
    }
  }

  #note(sample: Sample): void {
    const predicted = rowsOf(sample.request, sample.answer).map(({ prediction }) => predictedLabel(prediction));
    this.#known.set(sample.id, { at: sample.at, revision: sample.revision, predicted });
    if (this.#known.size > MAX_KNOWN) {
      const oldest = this.#known.keys().next().value!;
      this.#known.delete(oldest);
      this.#labels.delete(oldest);
    }
    if (sample.at >= this.#closedUntil && this.#open.length < MAX_OPEN) this.#open.push(sample);
  }

  async #trim(): Promise<void> {
    const folder = join(this.#folder, 'taken');
    const names = (await readdir(folder)).sort();
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (const [index, name] of names.entries()) {
      if (total <= MAX_TAKEN_BYTES) break;
      total -= sizes[index]!;
      await rm(join(folder, name), { force: true });
    }
  }

  #labelsFile(): string {
    return join(this.#folder, 'labels');
  }
}

/** Whole lines of a file, none where there is no file; the rest of a write that was cut off is passed over. */
async function wholeLines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
