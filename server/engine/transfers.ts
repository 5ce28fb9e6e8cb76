/** Dataset versions to and from remotes. */
import * as z from 'zod';
import type { DatasetState, DatasetVersionState } from '../domain/dataset/dataset.ts';
import { presentDatasetVersions } from '../domain/dataset/dataset.ts';
import { diffManifests } from '../domain/dataset/diff.ts';
import { folderDigests, type ManifestEntry, parseDirManifest } from '../domain/dataset/manifest.ts';
import { forEachBounded } from '../objects/bounded.ts';
import {
  digestsOf,
  openRemote,
  pullObjects,
  pushObjects,
  type Remote,
  type RemoteFault,
  readRemote,
  readS3Access,
  type S3Access,
  type TransferProgress,
  verifyRemote,
} from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Context } from './context.ts';
import { entriesOf } from './datasets.ts';

export interface TransferRequest {
  name: string;
  remote: string;
  /** Of the caller; else the control plane's own environment counts. Never stored, logged or shown. */
  access?: S3Access;
  signal?: AbortSignal;
  onProgress?: (progress: TransferProgress) => void;
}

/** What stands beside the objects, so that a pull without a digest finds the newest version. */
const Note = z.object({
  dataset: z.string(),
  version: z.number(),
  digest: z.string().regex(/^[0-9a-f]{32}(\.dir)?$/),
  sha256: z.string(),
  files: z.number(),
  bytes: z.number(),
  /** Of a dataset that is a single file. */
  fileName: z.string().optional(),
});

const HASHED_AT_ONCE = 8;

async function withRemote<T>(
  context: Context,
  request: TransferRequest,
  work: (remote: Remote) => Promise<T>,
): Promise<T> {
  const remote = await openRemote(request.remote, () => request.access ?? readS3Access(context.env), request.signal);
  try {
    return await context.storeUse.sharing(() => work(remote));
  } finally {
    remote.close();
  }
}

/** Sends a version's files, then its manifest, then the note that names it. @throws SlipwayError of `pushObjects` */
export function pushVersion(context: Context, version: DatasetVersionState, request: TransferRequest) {
  return withRemote(context, request, async (remote) => {
    const entries = await entriesOf(context, version);
    const digest = digestOf(version);
    const children = version.isFolder ? entries.map(({ md5 }) => md5) : [];
    const sent = await pushObjects(context.objects, remote, children, digest, request);
    const { files, bytes, sha256 } = version;
    const note: z.infer<typeof Note> = {
      ...{ dataset: request.name, version: version.version, digest, sha256, files, bytes },
      ...(!version.isFolder && { fileName: entries[0]!.relpath }),
    };
    const noteName = `${notesOf(request.name)}v${String(version.version).padStart(9, '0')}-${digest}.json`;
    await remote.writeNote(noteName, JSON.stringify(note), request.signal);
    return { dataset: request.name, version: version.version, digest, remote: remote.address, ...sent };
  });
}

export interface PulledVersion extends ManifestEntryTotals {
  md5: string;
  isFolder: boolean;
  added: number;
  changed: number;
  removed: number;
  source: string;
}
interface ManifestEntryTotals {
  sha256: string;
  files: number;
  bytes: number;
}

/** Fetches what a digest names, or the newest pushed version, and tells the version that it makes. */
export function pullVersion(context: Context, request: TransferRequest & { digest?: string }): Promise<PulledVersion> {
  const { name, signal } = request;
  return withRemote(context, request, async (remote) => {
    const { digest, fileName } = request.digest
      ? { digest: request.digest, fileName: undefined }
      : await newestNote(remote, name, signal);
    const isFolder = digest.endsWith('.dir');
    // The manifest is stored last: who finds it here finds all that it names.
    const manifest = isFolder ? await readRemote(remote, digest, signal) : null;
    const entries = manifest
      ? parseDirManifest(manifest.toString('utf8'))
      : [{ relpath: fileName ?? name, md5: digest }];
    const known = new Map<string, { sha256: string; bytes: number }>();
    const onFetched = (fetched: string, found: { sha256: string; bytes: number }) => known.set(fetched, found);
    await pullObjects(
      context.objects,
      remote,
      entries.map(({ md5 }) => md5),
      { ...request, onFetched },
    );
    await forEachBounded(new Set(entries.map(({ md5 }) => md5)), HASHED_AT_ONCE, signal, async (md5) => {
      if (!known.has(md5)) known.set(md5, await digestsOf(context.objects, md5));
    });
    if (manifest) await context.objects.put(manifest, 'dir');
    const files: ManifestEntry[] = entries.map((entry) => ({ ...entry, ...known.get(entry.md5)! }));
    const totals = manifest ? folderDigests(files) : { sha256: files[0]!.sha256, files: 1, bytes: files[0]!.bytes };
    const { sha256, files: count, bytes } = totals;
    const state = await context.engine.state<DatasetState>('dataset', name);
    const latest = state && presentDatasetVersions(state).at(-1);
    const diff = diffManifests(latest ? await entriesOf(context, latest) : [], entries);
    return {
      ...{ md5: digest.slice(0, 32), isFolder, sha256, files: count, bytes },
      added: diff.added.length + diff.moved.length,
      changed: diff.changed.length,
      removed: diff.removed.length + diff.moved.length,
      source: isFolder ? remote.address : `${remote.address}/${fileName ?? name}`,
    };
  });
}

/** Reads every byte that a remote has of versions. @returns what is wrong, by file */
export function verifyPushed(context: Context, versions: readonly DatasetVersionState[], request: TransferRequest) {
  return withRemote(context, request, async (remote) => {
    const named: { version: number; relpath: string | null; digest: string }[] = [];
    for (const version of versions) {
      const digest = digestOf(version);
      named.push({ version: version.version, relpath: null, digest });
      if (!version.isFolder) continue;
      for (const { relpath, md5 } of await entriesOf(context, version)) {
        named.push({ version: version.version, relpath, digest: md5 });
      }
    }
    const digests = new Set(named.map(({ digest }) => digest));
    const states = await verifyRemote(remote, digests, request);
    const problems = named.flatMap(({ version, relpath, digest }) => {
      const state = states.get(digest);
      if (state === undefined) return [];
      const what = relpath === null ? 'the manifest' : `the file ${JSON.stringify(relpath)}`;
      const detail = remoteFaults[state];
      const message = `${what}: the object ${digest} in ${remote.address} ${detail}`;
      // No receipt speaks of what lies in a remote.
      const place = { receipt: '', project: '', seq: 0, kind: '', subject: `dataset:${request.name}@v${version}` };
      return [{ ...place, message, ...(relpath !== null && { relpath }), object: digest }];
    });
    return { ok: problems.length === 0, problems, objects: digests.size };
  });
}

const remoteFaults: Record<RemoteFault, string> = {
  missing: 'is not there',
  wrong: 'is damaged: its bytes have another md5',
  unreadable: 'cannot be read: the service refuses to give it, as when it finds its disk damaged',
};

async function newestNote(remote: Remote, name: string, signal?: AbortSignal) {
  const newest = (await remote.listNotes(notesOf(name), signal)).sort().at(-1);
  const text = newest === undefined ? null : await remote.readNote(newest, signal);
  if (text === null) {
    throw new SlipwayError(
      'remote.noDataset',
      `${remote.address} has no version of ${name} that Slipway pushed.`,
      'Push it first, or name what to pull: --digest <32 hex>.dir (as in a .dvc file).',
      404,
    );
  }
  return Note.parse(JSON.parse(text));
}

function notesOf(name: string): string {
  return `slipway/datasets/${name}/`;
}

function digestOf({ md5, isFolder }: DatasetVersionState): string {
  return isFolder ? `${md5}.dir` : md5;
}
