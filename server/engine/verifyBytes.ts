/**
 * Verifying the bytes behind receipts, and both together: the chain by the domain, the bytes by reading the object
 * store. It needs no running control plane: `slipway receipts verify` calls it on a data folder.
 */
import { createHash } from 'node:crypto';
import { listing, parseDirManifest } from '../domain/dataset/manifest.ts';
import { type StoredSubject, type Verdict, type VerifyProblem, verifyChains } from '../domain/lineage/verify.ts';
import { forEachBounded } from '../objects/bounded.ts';
import type { ObjectStore } from '../objects/index.ts';
import { SlipwayError } from '../protocol/errors.ts';

/** What is read of an object store. */
export type ObjectReader = Pick<ObjectStore, 'open' | 'localPath'>;

/** Bytes that are not what a receipt says: of a subject, or of one file in it. */
export interface BytesProblem extends VerifyProblem {
  relpath?: string;
  /** Where the object lies or should lie. */
  objectPath?: string;
}

export interface VerifyReceiptsRequest {
  /** JSON texts, the receipts of a project in the order of its chain. */
  envelopes: readonly string[];
  /** Base64 DER of the SPKI by key id; these keys are trusted. With none only the bytes are checked. */
  publicKeys: Record<string, string>;
  objects: ObjectReader;
  /** Only subjects for which this holds are looked up in the store. */
  concerns?: (subject: string) => boolean;
  /** Only this project's problems are told. */
  project?: string;
  onProgress?: (objects: number) => void;
  signal?: AbortSignal;
}

export interface VerifyReport extends Pick<Verdict, 'ok' | 'signer' | 'heads' | 'count' | 'deleted'> {
  problems: BytesProblem[];
  /** Objects that were read. */
  objects: number;
}

/** Checks receipts and the bytes they speak of. */
export async function verifyReceipts(request: VerifyReceiptsRequest): Promise<VerifyReport> {
  const { envelopes, publicKeys, objects, project, signal, onProgress } = request;
  const keys = Object.entries(publicKeys).map(([keyid, spki]) => ({ keyid, spki }));
  const verdict = verifyChains({
    envelopes,
    keys,
    known: keys.length > 0 ? keys.map(({ keyid }) => keyid) : undefined,
  });
  const isAsked = (one: { project: string }) => project === undefined || one.project === project;
  // What cannot be read belongs to no project that could be asked for: it is told always.
  const chainProblems = keys.length === 0 ? [] : verdict.problems.filter((one) => one.project === '' || isAsked(one));
  const subjects = verdict.stored.filter((one) => isAsked(one) && (request.concerns?.(one.subject) ?? true));
  const bytes = await verifyBytes(objects, subjects, { signal, onProgress });
  const problems = [...chainProblems, ...bytes.problems];
  const { signer, count, deleted } = verdict;
  const heads = Object.fromEntries(
    Object.entries(verdict.heads).filter(([name]) => isAsked({ project: name.split('@')[0]! })),
  );
  return { ok: problems.length === 0, problems, signer, heads, count, deleted, objects: bytes.objects };
}

/** Objects read at once. */
const concurrency = 8;

type Fault = Pick<BytesProblem, 'message' | 'relpath' | 'objectPath'>;

/**
 * Reads the bytes of subjects, each object once: a folder's manifest has its MD5, every file in it is there and has its
 * MD5, and the listing of their SHA-256 has the folder's; a single object has both digests. Memory does not grow with
 * the sizes of the objects.
 * @param onProgress called with the number of objects read so far
 */
export async function verifyBytes(
  objects: ObjectReader,
  subjects: readonly StoredSubject[],
  options: { signal?: AbortSignal; onProgress?: (objects: number) => void } = {},
): Promise<{ problems: BytesProblem[]; objects: number }> {
  const reader = createReader(objects, options);
  const problems: BytesProblem[] = [];
  const judged = new Map<string, Fault[]>();
  for (const { md5, sha256, shape, ...place } of subjects) {
    options.signal?.throwIfAborted();
    // The same bytes come as the output of a run, as a model version and in every version of a dataset.
    const key = `${md5} ${sha256} ${shape}`;
    const faults = judged.get(key) ?? (await judge(reader, { md5, sha256, shape }));
    judged.set(key, faults);
    for (const fault of faults) problems.push({ ...place, ...fault });
  }
  return { problems, objects: reader.count() };
}

async function judge(reader: Reader, subject: Pick<StoredSubject, 'md5' | 'sha256' | 'shape'>): Promise<Fault[]> {
  const { md5, sha256, shape } = subject;
  const folder = shape === 'file' ? undefined : await reader.manifest(`${md5}.dir`);
  if (folder && (folder.state !== 'missing' || shape === 'folder'))
    return judgeFolder(reader, `${md5}.dir`, folder, sha256);
  const [file] = await reader.files([md5]);
  if (file!.state === 'missing' && folder) return [reader.fault(`${md5}.dir`, folder)];
  if (file!.state !== 'ok') return [reader.fault(md5, file!)];
  return file!.sha256 === sha256
    ? []
    : [{ message: otherSha256('the file', file!.sha256, sha256), objectPath: reader.path(md5) }];
}

async function judgeFolder(reader: Reader, digest: string, manifest: ManifestRead, sha256: string): Promise<Fault[]> {
  if (manifest.state !== 'ok') return [reader.fault(digest, manifest)];
  const found = await reader.files(manifest.entries.map((entry) => entry.md5));
  const faults: Fault[] = [];
  const listed: { relpath: string; sha256: string }[] = [];
  for (const [i, { relpath, md5 }] of manifest.entries.entries()) {
    const file = found[i]!;
    if (file.state === 'ok') listed.push({ relpath, sha256: file.sha256 });
    else faults.push(reader.fault(md5, file, relpath));
  }
  if (faults.length > 0) return faults;
  const actual = createHash('sha256').update(listing(listed)).digest('hex');
  return actual === sha256
    ? []
    : [{ message: otherSha256('the folder', actual, sha256), objectPath: reader.path(digest) }];
}

function otherSha256(what: string, actual: string, expected: string): string {
  return `${what} has the sha256 ${actual} by its bytes, its receipt says ${expected}`;
}

type Bad = { state: 'missing' | 'wrong' | 'unreadable'; detail: string };
type FileRead = { state: 'ok'; sha256: string } | Bad;
type ManifestRead = { state: 'ok'; entries: { relpath: string; md5: string }[] } | Bad;
type Reader = ReturnType<typeof createReader>;

/** Reads objects and remembers their digests, so that each is read once. */
function createReader(
  objects: ObjectReader,
  options: { signal?: AbortSignal; onProgress?: (objects: number) => void },
) {
  const known = new Map<string, FileRead>();
  let count = 0;

  async function read(digest: string, onChunk: (chunk: Uint8Array) => void): Promise<FileRead> {
    const md5 = createHash('md5');
    const sha256 = createHash('sha256');
    try {
      for await (const chunk of await objects.open(digest)) {
        options.signal?.throwIfAborted();
        md5.update(chunk as Uint8Array);
        sha256.update(chunk as Uint8Array);
        onChunk(chunk as Uint8Array);
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      const isMissing = error instanceof SlipwayError && error.code === 'object.missing';
      return isMissing
        ? { state: 'missing', detail: 'is not there' }
        : { state: 'unreadable', detail: `cannot be read: ${(error as Error).message}` };
    } finally {
      options.onProgress?.(++count);
    }
    const actual = md5.digest('hex');
    if (actual !== digest.slice(0, 32))
      return { state: 'wrong', detail: `is damaged: its bytes have the md5 ${actual}` };
    return { state: 'ok', sha256: sha256.digest('hex') };
  }

  return {
    count: () => count,
    path: (digest: string) => objects.localPath(digest) ?? undefined,
    fault(digest: string, { detail }: Bad, relpath?: string): Fault {
      const objectPath = objects.localPath(digest) ?? undefined;
      const what = relpath === undefined ? '' : `the file ${JSON.stringify(relpath)}: `;
      const object = digest.endsWith('.dir') ? 'the manifest' : 'the object';
      return { message: `${what}${object} ${objectPath ?? digest} ${detail}`, relpath, objectPath };
    },
    /** The digests of file objects, in the order asked for. */
    async files(digests: readonly string[]): Promise<FileRead[]> {
      const unread = new Set(digests.filter((digest) => !known.has(digest)));
      await forEachBounded(unread, concurrency, options.signal, async (digest) => {
        known.set(digest, await read(digest, () => {}));
      });
      return digests.map((digest) => known.get(digest)!);
    },
    async manifest(digest: string): Promise<ManifestRead> {
      const chunks: Uint8Array[] = [];
      const found = await read(digest, (chunk) => chunks.push(chunk));
      if (found.state !== 'ok') return found;
      try {
        return { state: 'ok', entries: parseDirManifest(Buffer.concat(chunks).toString('utf8')) };
      } catch (error) {
        return { state: 'wrong', detail: `is no manifest: ${(error as Error).message}` };
      }
    },
  };
}
