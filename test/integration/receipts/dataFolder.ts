// A data folder at rest, with real objects, a real database and a real key, as a control plane leaves it.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ReceiptDraft } from '../../../server/domain/reducer.ts';
import { storeFolder } from '../../../server/engine/bytes.ts';
import { FileStore } from '../../../server/objects/fileStore.ts';
import { openSqliteStore } from '../../../server/store/sqlite.ts';
import { draft, newKey, type Sealed, seal, type TestKey } from '../../unit/domain/lineage/chains.ts';

export interface DataFolder {
  root: string;
  key: TestKey;
  objects: FileStore;
  /** Where the bytes of a file lie. */
  objectOf(content: string): string;
  /** Appends receipts to the chain of a project. */
  append(drafts: readonly ReceiptDraft[], project?: string): Promise<Sealed[]>;
}

export async function newDataFolder(): Promise<DataFolder> {
  const root = await mkdtemp(path.join(tmpdir(), 'slipway-receipts-'));
  const key = newKey();
  await mkdir(path.join(root, 'keys'));
  await writeFile(path.join(root, 'keys', 'receipts.pub.pem'), key.pem);
  const objects = new FileStore(path.join(root, 'objects'));
  const heads = new Map<string, { seq: number; id: string }>();
  const folder: DataFolder = {
    root,
    key,
    objects,
    objectOf: (content) => objects.localPath(createHash('md5').update(content).digest('hex')),
    async append(drafts, project = 'digits') {
      const before = heads.get(project);
      const sealed = seal(drafts, key, project, before);
      const store = openSqliteStore(path.join(root, 'slipway.db'));
      await store.write(async (tx) => {
        for (const [i, { id, envelope }] of sealed.entries()) {
          const seq = (before?.seq ?? 0) + i + 1;
          const { kind, subject } = drafts[i]!;
          const row = { project, seq, id, kind, subject: subject.name, envelope: JSON.stringify(envelope) };
          await tx.appendReceipt(row, [{ name: subject.name, digest: subject.digest ?? {} }]);
          heads.set(project, { seq, id });
        }
      });
      await store.close();
      return sealed;
    },
  };
  return folder;
}

/** Stores files as a folder. @returns its digests for a receipt */
export async function storeFiles(
  objects: FileStore,
  files: Record<string, string>,
): Promise<{ md5: string; sha256: string }> {
  const entries = [];
  for (const [relpath, content] of Object.entries(files)) {
    const { digest, sha256, bytes } = await objects.put(Buffer.from(content));
    entries.push({ relpath, md5: digest, sha256, bytes });
  }
  const { md5, sha256 } = await storeFolder(objects, entries);
  return { md5, sha256 };
}

/** Two versions of a dataset that share files, a split, a run with a model, its model version, and a single-file dataset. */
export async function fill({ objects, append }: DataFolder): Promise<void> {
  const v1 = await storeFiles(objects, { 'a/one.txt': 'one', 'a/two\n.txt': 'two', 'b/three.txt': 'three' });
  const v2 = await storeFiles(objects, { 'a/one.txt': 'one', 'b/three.txt': 'three', 'b/four.txt': 'four' });
  const split = await objects.put(Buffer.from('{"train":[],"test":[]}'));
  const model = await storeFiles(objects, { 'weights.bin': 'weights' });
  const table = await objects.put(Buffer.from('x,y\n'));
  const dataset = { name: 'dataset:digits@v2', digest: v2 };
  const output = { name: 'output:r1/model', digest: model };
  await append([
    draft('dataset.added', 'dataset:digits@v1', { digest: v1, evidence: { folder: true } }),
    draft('dataset.added', dataset.name, { digest: v2, evidence: { folder: true } }),
    draft('split.made', 'split:digits@v2', { digest: { md5: split.digest, sha256: split.sha256 }, inputs: [dataset] }),
    draft('run.finished', 'run:r1', { products: [output], inputs: [dataset] }),
    draft('model.registered', 'model:digits@v1', { digest: model, inputs: [output] }),
    draft('dataset.added', 'dataset:table@v1', {
      digest: { md5: table.digest, sha256: table.sha256 },
      evidence: { folder: false },
    }),
  ]);
}
