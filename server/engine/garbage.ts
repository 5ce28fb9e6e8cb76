/** Objects that nothing needs any more: which they are, and removing them. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyChains } from '../domain/lineage/verify.ts';
import { hasEnded, type RunState } from '../domain/run/run.ts';
import { objectPath, removeMaterialized } from '../objects/index.ts';
import type { Topic } from '../protocol/entities.ts';
import { readFolder } from './bytes.ts';
import type { Context } from './context.ts';

export interface GarbageRequest {
  dryRun: boolean;
  /** Younger objects stay, as those of an upload by hand. */
  graceMs: number;
  /** Only these objects, where some are to go at once. */
  only?: ReadonlySet<string>;
  signal?: AbortSignal;
  onProgress?: (objects: number) => void;
}

export interface Garbage {
  /** Removed, or in a dry run to be removed. */
  objects: number;
  bytes: number;
  kept: number;
  dryRun: boolean;
}

/**
 * Removes every object that no version, output, split, code snapshot or running work leads to. It waits until nobody adds,
 * and who adds meanwhile waits. Cut off at any moment it has removed garbage only.
 */
export function collectGarbage(context: Context, request: GarbageRequest): Promise<Garbage> {
  const { dryRun, graceMs, only, signal, onProgress } = request;
  return context.storeUse.alone(async () => {
    const needed = await neededObjects(context);
    const found: Garbage = { objects: 0, bytes: 0, kept: 0, dryRun };
    const youngestMs = context.now() - graceMs;
    for await (const { digest, bytes } of context.objects.list()) {
      signal?.throwIfAborted();
      onProgress?.(found.objects + found.kept);
      const isWanted = only === undefined || only.has(digest);
      if (needed.has(digest) || !isWanted || (await changedAtMs(context, digest)) > youngestMs) {
        found.kept++;
        continue;
      }
      found.objects++;
      found.bytes += bytes;
      if (!dryRun) await context.objects.delete(digest);
    }
    if (!dryRun) await removeCopies(context, needed);
    return found;
  });
}

/** The folders that runs read versions from, of versions that are no more. */
async function removeCopies(context: Context, needed: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(context.folders.cache).catch(() => [])) {
    if (!/^[0-9a-f]{32}(\.dir)?$/.test(name) || needed.has(name)) continue;
    await removeMaterialized(join(context.folders.cache, name));
    await rm(join(context.folders.cache, name), { recursive: true, force: true });
  }
}

/** Digests of all objects that something leads to. */
export async function neededObjects(context: Context): Promise<Set<string>> {
  const roots = new Set<string>();
  const { read } = context.engine.store;
  const envelopes: string[] = [];
  for (const project of await read.receiptProjects()) {
    envelopes.push(...(await read.receipts({ project })).toReversed().map((row) => row.envelope));
  }
  // Of what was deleted nobody expects bytes: the check of the chains knows.
  for (const { md5 } of verifyChains({ envelopes, keys: [], known: undefined }).stored) roots.add(md5);
  for (const digest of await digestsInUse(context)) roots.add(digest);

  const needed = new Set<string>();
  for (const md5 of roots) {
    needed.add(md5);
    const manifest = `${md5}.dir`;
    if (!(await context.objects.has(manifest))) continue;
    needed.add(manifest);
    for (const entry of await readFolder(context.objects, md5)) needed.add(entry.md5);
  }
  return needed;
}

/** States of these may name objects that no receipt names yet, while they are not over. */
const working: { topic: Topic; kind: string; isOver: (view: { status?: string }) => boolean }[] = [
  { topic: 'pipelines', kind: 'pipeline', isOver: hasSettled },
  { topic: 'sweeps', kind: 'sweep', isOver: hasSettled },
  { topic: 'validations', kind: 'validation', isOver: hasSettled },
];

function hasSettled({ status }: { status?: string }): boolean {
  return status !== undefined && ['succeeded', 'failed', 'stopped', 'finished', 'decided'].includes(status);
}

/** What runs that are not over name in any place, and the code of those that are: it is shown, and run again. */
async function digestsInUse(context: Context): Promise<Set<string>> {
  const { engine } = context;
  const found = new Set<string>();
  const take = (state: unknown) => {
    for (const [digest] of JSON.stringify(state ?? null).matchAll(/\b[0-9a-f]{32}\b/g)) found.add(digest);
  };
  for (const { id } of await engine.store.read.entities({ topic: 'runs', limit: ALL })) {
    const run = await engine.state<RunState>('run', id);
    if (run && !hasEnded(run.status)) take(run);
    else if (run) take(run.spec.code);
  }
  for (const { topic, kind, isOver } of working) {
    for (const row of await engine.store.read.entities({ topic, limit: ALL })) {
      if (!isOver(row.data as { status?: string })) take(await engine.state(kind, row.id));
    }
  }
  return found;
}

const ALL = 1_000_000_000;

/** Storing an object that is there touches it: then it is young again. */
async function changedAtMs(context: Context, digest: string): Promise<number> {
  return (await stat(objectPath(context.objects.root, digest)).catch(() => null))?.mtimeMs ?? 0;
}
