/**
 * Watches the endpoints that `monitor:` of slipway.yaml asks for: takes the gateway's samples in, closes windows,
 * judges them against what the model was trained on, and tells the reducer. What it does is found out anew on each
 * look, so that a restart in between changes nothing.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import * as z from 'zod';
import {
  DEFAULT_FALSE_ALARM_RATE,
  DEFAULT_MIN_ROWS,
  type DriftRules,
  judgeWindow,
} from '../domain/drift/judgeWindow.ts';
import type { MonitorState, RetrainRule } from '../domain/drift/monitor.ts';
import { type ReferenceFeature, referenceOf } from '../domain/drift/reference.ts';
import { columnsOf, type Row, rowOf } from '../domain/drift/rows.ts';
import type { EndpointState, RevisionState } from '../domain/endpoint/endpoint.ts';
import type { ModelState } from '../domain/lineage/model.ts';
import type { ReleaseState } from '../domain/rollout/release.ts';
import { isEnded } from '../domain/rollout/rollout.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Monitor as MonitorSettings } from '../protocol/slipwayFile.ts';
import { readFolder } from './bytes.ts';
import { readCapturedFile } from './code.ts';
import type { Context } from './context.ts';
import { addVersion } from './datasets.ts';
import { EndpointSamples } from './samples.ts';

const DEFAULT_COOLDOWN_MS = 24 * 3_600_000;
const DEFAULT_MIN_LABELS = 100;
/** The gateway writes what it sampled within this time. */
const SETTLE_MS = 2_000;
const REFERENCE_FILE = 'reference.jsonl';
const MAX_REFERENCE_ROWS = 20_000;

const referenceLine = z.union([z.strictObject({ instance: z.unknown(), prediction: z.unknown() }), z.unknown()]);

export class Monitors {
  readonly #context: Context;
  readonly #samples = new Map<string, Promise<EndpointSamples>>();
  readonly #references = new Map<string, Promise<ReferenceFeature[] | null>>();
  #looking: Promise<void> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks at every endpoint once; a look that is under way is not begun again. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Keeps a label. @throws SlipwayError `feedback.unsampled`, `feedback.unknownRequest`, … */
  async addLabel(endpoint: string, requestId: string, label: unknown): Promise<void> {
    const state = await this.#context.engine.state<EndpointState>('endpoint', endpoint);
    const serving = state && servingOf(state);
    const settings = serving && (await this.#settingsOf(serving));
    if (!settings?.sample) {
      throw new SlipwayError(
        'feedback.unsampled',
        `The endpoint ${endpoint} keeps no samples that a label could belong to.`,
        'Add monitor: { sample: { rate: 0.1 } } to slipway.yaml, train and roll out.',
        409,
      );
    }
    const samples = await this.#samplesOf(endpoint);
    await samples.take();
    await samples.addLabel(endpoint, requestId, label, this.#context.now());
  }

  /** Which revision answered a sampled request; undefined where the endpoint has no such sample. */
  async sampled(endpoint: string, requestId: string): Promise<{ revision: string; at: number } | undefined> {
    if (!(await this.#context.engine.state('monitor', endpoint))) return undefined;
    const samples = await this.#samplesOf(endpoint);
    await samples.take();
    return samples.find(requestId);
  }

  async #look(): Promise<void> {
    const { engine, log, signal } = this.#context;
    for (const { id } of await engine.store.read.entities({ topic: 'endpoints', limit: 1000 })) {
      const state = await engine.state<EndpointState>('endpoint', id);
      const serving = state && servingOf(state);
      if (!serving || signal.aborted) continue;
      await this.#lookAt(state, serving).catch((error: unknown) => {
        if (!signal.aborted) log('error', `${id} could not be watched`, { error: String(error) });
      });
    }
  }

  async #lookAt(endpoint: EndpointState, serving: RevisionState): Promise<void> {
    const settings = await this.#settingsOf(serving);
    if (!settings?.sample) return;
    const samples = await this.#samplesOf(endpoint.name);
    await samples.take();
    await this.#tellRollout(endpoint, samples);
    if (endpoint.rollout) return;
    const monitor = await this.#configured(endpoint, serving, settings);
    if (settings.drift) await this.#closeWindow(endpoint, serving, monitor, settings.drift, samples);
  }

  async #tellRollout(endpoint: EndpointState, samples: EndpointSamples): Promise<void> {
    const { engine } = this.#context;
    if (!endpoint.rollout) return;
    const release = await engine.state<ReleaseState>('rollout', endpoint.rollout.id);
    if (!release || isEnded(release.rollout) || release.rollout.analysis.maxQualityDrop === null) return;
    const { from, to, quality, createdAt } = release.rollout;
    const revisions = samples.quality(createdAt);
    const isNew = (revision: string | null, before: { labels: number }) =>
      revision !== null && (revisions[revision]?.labels ?? 0) > before.labels;
    if (!isNew(to, quality.canary) && !isNew(from, quality.stable)) return;
    await engine.send('rollout', endpoint.rollout.id, { type: 'labelled', revisions });
  }

  /** The monitor's state, told first of the version that is in production now. */
  async #configured(endpoint: EndpointState, serving: RevisionState, settings: MonitorSettings): Promise<MonitorState> {
    const { engine } = this.#context;
    const { name, project, model } = endpoint;
    const version = Number(serving.name.slice(1));
    const rule = retrainRule(settings);
    const state = await engine.state<MonitorState>('monitor', name);
    if (state?.version === version && JSON.stringify(state.rule) === JSON.stringify(rule)) return state;
    const known = await engine.state<ModelState>('model', model);
    const { digests } = known!.versions.find((one) => one.version === version)!;
    const reference = (await this.#trainingReference(serving)) === null ? 'none' : 'training';
    const facts = { endpoint: name, project, model, version, digests, rule, reference };
    await engine.send('monitor', name, { type: 'configured', ...facts });
    return (await engine.state<MonitorState>('monitor', name))!;
  }

  async #closeWindow(
    endpoint: EndpointState,
    serving: RevisionState,
    monitor: MonitorState,
    drift: NonNullable<MonitorSettings['drift']>,
    samples: EndpointSamples,
  ): Promise<void> {
    const { engine, objects, now } = this.#context;
    const oldest = samples.oldest();
    if (oldest === null) return;
    const from = Math.floor(oldest / drift.window) * drift.window;
    const to = from + drift.window;
    if (now() < to + SETTLE_MS) return;
    const inside = samples.window(from, to).filter(({ sample }) => sample.revision === serving.name);
    const rows = inside.flatMap((one) => one.rows);
    const rules: DriftRules = {
      ...{ test: drift.test, threshold: drift.threshold },
      ...{ falseAlarmRate: DEFAULT_FALSE_ALARM_RATE, minRows: DEFAULT_MIN_ROWS },
    };
    const reference = (await this.#trainingReference(serving)) ?? (await this.#storedReference(monitor));
    if (reference === null) {
      // Nothing was kept of the training data: the first window with enough rows is what later ones are held against.
      if (rows.length >= rules.minRows) {
        const stored = await objects.put(Buffer.from(JSON.stringify(referencesOf(rows))));
        await engine.send('monitor', endpoint.name, { type: 'referenceTaken', md5: stored.digest, until: to });
      }
    } else {
      const stored = await this.#store(endpoint, from, inside);
      const labelled = inside.reduce((sum, { labels }) => sum + (labels?.length ?? 0), 0);
      const judgement = judgeWindow(reference, columnsOf(rows), rules);
      const closed = { type: 'windowClosed', from, to, judgement, labelled, samples: stored };
      await engine.send('monitor', endpoint.name, closed);
    }
    samples.close(to);
  }

  /** The samples of a window as a dataset version: all of them as Parquet, the labelled ones also as JSON lines. */
  async #store(
    endpoint: EndpointState,
    from: number,
    inside: ReturnType<EndpointSamples['window']>,
  ): Promise<{ name: string; digests: { md5: string; sha256: string } } | null> {
    if (inside.length === 0) return null;
    const folder = join(this.#context.folders.gateway, 'windows', `${endpoint.name}-${from}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      const column = <T>(value: (one: (typeof inside)[number]) => T) => inside.map(value);
      const parquet = parquetWriteBuffer({
        columnData: [
          { name: 'id', data: column(({ sample }) => sample.id), type: 'STRING' },
          { name: 'at', data: column(({ sample }) => new Date(sample.at)), type: 'TIMESTAMP' },
          { name: 'revision', data: column(({ sample }) => sample.revision), type: 'STRING' },
          { name: 'path', data: column(({ sample }) => sample.path), type: 'STRING' },
          { name: 'status', data: column(({ sample }) => sample.status), type: 'INT32' },
          { name: 'latency_ms', data: column(({ sample }) => sample.latencyMs), type: 'DOUBLE' },
          { name: 'request', data: column(({ sample }) => JSON.stringify(sample.request)), type: 'STRING' },
          { name: 'answer', data: column(({ sample }) => JSON.stringify(sample.answer)), type: 'STRING' },
          { name: 'labels', data: column(({ labels }) => (labels ? JSON.stringify(labels) : null)), type: 'STRING' },
        ],
      });
      await writeFile(join(folder, 'samples.parquet'), Buffer.from(parquet));
      const labelled = inside.flatMap(({ rows, labels }) =>
        (labels ?? []).map((label, index) => `${JSON.stringify({ instance: rows[index]?.instance, label })}\n`),
      );
      if (labelled.length > 0) await writeFile(join(folder, 'labelled.jsonl'), labelled.join(''));
      const name = samplesName(endpoint.name);
      const { version } = await addVersion(this.#context, { name, path: folder, project: endpoint.project });
      return { name: `${name}@v${version.version}`, digests: { md5: version.md5, sha256: version.sha256 } };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #settingsOf(revision: RevisionState): Promise<MonitorSettings | undefined> {
    return (await readCapturedFile(this.#context.objects, revision.plan.code)).monitor;
  }

  #samplesOf(endpoint: string): Promise<EndpointSamples> {
    let samples = this.#samples.get(endpoint);
    if (!samples) {
      samples = this.#openSamples(endpoint);
      this.#samples.set(endpoint, samples);
      samples.catch(() => this.#samples.delete(endpoint));
    }
    return samples;
  }

  async #openSamples(endpoint: string): Promise<EndpointSamples> {
    const state = await this.#context.engine.state<MonitorState>('monitor', endpoint);
    return EndpointSamples.open(samplesFolder(this.#context, endpoint), state?.last?.to ?? state?.referenceUntil ?? 0);
  }

  /** What the model's own `reference.jsonl` says of the training data; null without that file. */
  #trainingReference(revision: RevisionState): Promise<ReferenceFeature[] | null> {
    const { model } = revision.plan;
    let reference = this.#references.get(model);
    if (!reference) {
      reference = this.#readReference(model);
      this.#references.set(model, reference);
      reference.catch(() => this.#references.delete(model));
    }
    return reference;
  }

  async #readReference(model: string): Promise<ReferenceFeature[] | null> {
    const { objects, log } = this.#context;
    const entry = (await readFolder(objects, model)).find(({ relpath }) => relpath === REFERENCE_FILE);
    const path = entry && objects.localPath(entry.md5);
    if (!path) return null;
    const lines = (await readFile(path, 'utf8')).split('\n').filter(Boolean).slice(0, MAX_REFERENCE_ROWS);
    try {
      return referencesOf(
        lines.map((line) => {
          const value = referenceLine.parse(JSON.parse(line));
          const isPair = typeof value === 'object' && value !== null && 'instance' in value;
          return isPair
            ? rowOf(value.instance, (value as { prediction?: unknown }).prediction)
            : rowOf(value, undefined);
        }),
      );
    } catch (error) {
      log('warn', `${REFERENCE_FILE} of the model ${model} is not JSON lines`, { error: String(error) });
      return null;
    }
  }

  async #storedReference({ referenceMd5 }: MonitorState): Promise<ReferenceFeature[] | null> {
    const path = referenceMd5 === null ? null : this.#context.objects.localPath(referenceMd5);
    return path === null ? null : (JSON.parse(await readFile(path, 'utf8')) as ReferenceFeature[]);
  }
}

/** Where the gateway writes the samples of an endpoint. */
export function samplesFolder(context: Context, endpoint: string): string {
  return join(context.folders.gateway, 'samples', endpoint);
}

/** The dataset that the samples of an endpoint become; names have at most 53 characters. */
function samplesName(endpoint: string): string {
  return `${endpoint.slice(0, 45).replace(/-+$/, '')}-samples`;
}

function referencesOf(rows: readonly Row[]): ReferenceFeature[] {
  return Object.entries(columnsOf(rows)).map(([name, column]) => referenceOf(name, column));
}

/** The revision that has most of the traffic. */
function servingOf({ revisions }: EndpointState): RevisionState | undefined {
  const serving = Object.values(revisions).filter(({ weight, status }) => weight > 0 && status !== 'retired');
  return serving.sort((a, b) => b.weight - a.weight)[0];
}

function retrainRule({ retrain }: MonitorSettings): RetrainRule | null {
  if (!retrain) return null;
  return {
    mode: retrain.then,
    budgetMs: retrain.budget ?? null,
    cooldownMs: retrain.cooldown ?? DEFAULT_COOLDOWN_MS,
    minLabels: retrain.minLabels ?? DEFAULT_MIN_LABELS,
  };
}
