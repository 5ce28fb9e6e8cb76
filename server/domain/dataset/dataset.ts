/** A dataset and its versions: numbering, receipts, and the split of each version. */
import type { Split } from '../../protocol/entities.ts';
import { deletedReceipt } from '../lineage/deletion.ts';
import { type Reduction, unchanged } from '../reducer.ts';

/** What is known of a split; `md5` and `sha256` are those of its document in the object store. */
export type SplitFacts = Omit<Split, 'receipt'> & { md5: string; share: number; folds?: number };

export interface DatasetVersionState {
  version: number;
  /** Of the `.dir` manifest or the single file, 32 hex; `isFolder` tells which. */
  md5: string;
  sha256: string;
  isFolder: boolean;
  files: number;
  bytes: number;
  added: number;
  changed: number;
  removed: number;
  source: string;
  project: string;
  actor: string;
  createdAt: number;
  split?: SplitFacts;
  isDeleted?: true;
}

export interface DatasetState {
  name: string;
  createdAt: number;
  versions: DatasetVersionState[];
}

export type DatasetEvent = { at: number } & (
  | ({ type: 'versionAdded'; name: string } & Omit<DatasetVersionState, 'version' | 'createdAt' | 'split'>)
  | {
      type: 'splitMade';
      version: number;
      project: string;
      split: SplitFacts;
    }
  /** `erased`: so many of its files were to go, and the version with them. */
  | { type: 'deleted'; version: number; dependents: string[]; erased?: number }
);

/** The versions that were not deleted, oldest first; the number of one that was is never given again. */
export function presentDatasetVersions(state: DatasetState): DatasetVersionState[] {
  return state.versions.filter((version) => !version.isDeleted);
}

export function reduceDataset(state: DatasetState | undefined, event: DatasetEvent): Reduction<DatasetState, never> {
  if (event.type === 'versionAdded') {
    const before = state ?? { name: event.name, createdAt: event.at, versions: [] };
    const latest = presentDatasetVersions(before).at(-1);
    if (latest && latest.md5 === event.md5 && latest.sha256 === event.sha256) return unchanged(before);
    const { type: _, at, name, ...facts } = event;
    const version: DatasetVersionState = {
      ...facts,
      version: (before.versions.at(-1)?.version ?? 0) + 1,
      createdAt: at,
    };
    return {
      state: { ...before, versions: [...before.versions, version] },
      commands: [],
      receipts: [
        {
          kind: 'dataset.added',
          subject: {
            name: `dataset:${name}@v${version.version}`,
            digest: { md5: version.md5, sha256: version.sha256 },
          },
          inputs: latest
            ? [{ name: `dataset:${name}@v${latest.version}`, digest: { md5: latest.md5, sha256: latest.sha256 } }]
            : [],
          decision: latest ? 'a new version: the bytes differ from the version before' : 'the first version',
          evidence: {
            files: version.files,
            bytes: version.bytes,
            added: version.added,
            changed: version.changed,
            removed: version.removed,
            folder: version.isFolder,
          },
        },
      ],
    };
  }
  if (!state) throw new Error('a dataset begins with versionAdded');
  if (event.type === 'deleted') return remove(state, event);
  const version = presentDatasetVersions(state).find((one) => one.version === event.version);
  if (!version || version.split?.sha256 === event.split.sha256) return unchanged(state);
  const versions = state.versions.map((one) => (one === version ? { ...one, split: event.split } : one));
  return {
    state: { ...state, versions },
    commands: [],
    receipts: [
      {
        kind: 'split.made',
        subject: {
          name: `split:${state.name}@v${version.version}`,
          digest: { md5: event.split.md5, sha256: event.split.sha256 },
        },
        inputs: [
          { name: `dataset:${state.name}@v${version.version}`, digest: { md5: version.md5, sha256: version.sha256 } },
        ],
        decision: `${event.split.strategy}: train ${event.split.train}, test ${event.split.test}, leakage: ${event.split.leakage.verdict}`,
        evidence: { ...event.split },
      },
    ],
  };
}

/** A version's split goes with it. */
function remove(
  state: DatasetState,
  { at, version, dependents, erased }: Extract<DatasetEvent, { type: 'deleted' }>,
): Reduction<DatasetState, never> {
  const target = presentDatasetVersions(state).find((one) => one.version === version);
  if (!target) return unchanged(state);
  const versions = state.versions.map(
    (one): DatasetVersionState => (one === target ? { ...one, isDeleted: true } : one),
  );
  const id = `${state.name}@v${version}`;
  const { md5, sha256, split } = target;
  const parts = [
    { name: `dataset:${id}`, digest: { md5, sha256 } },
    ...(split ? [{ name: `split:${id}`, digest: { md5: split.md5, sha256: split.sha256 } }] : []),
  ];
  const evidence = erased === undefined ? {} : { erasedFiles: erased };
  const receipt = deletedReceipt({ subject: `dataset:${id}`, parts, dependents, at, evidence });
  return { state: { ...state, versions }, commands: [], receipts: [receipt] };
}
