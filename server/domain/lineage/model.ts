/** A model and its versions: registration, and aliases such as `production`, which are views of receipts. */
import type { Float } from '../../protocol/entities.ts';
import { type Digests, type Reduction, type Send, send, unchanged } from '../reducer.ts';
import { deletedReceipt } from './deletion.ts';

export interface ModelVersionState {
  version: number;
  run: string;
  dataset?: string;
  digests: { md5: string; sha256: string };
  files: number;
  bytes: number;
  params: Record<string, string | number | boolean>;
  metrics: Record<string, Float>;
  validation?: { id: string; sha256: string };
  gatesPassed?: boolean;
  /** The project folder it came from: where its serve step stands. */
  folder: string;
  createdAt: number;
  isDeleted?: true;
}

export interface ModelState {
  name: string;
  project: string;
  createdAt: number;
  versions: ModelVersionState[];
  aliases: Record<string, number>;
}

export type ModelEvent = { at: number } & (
  | ({ type: 'register'; name: string; project: string; notify?: { kind: string; id: string } } & Omit<
      ModelVersionState,
      'version' | 'createdAt'
    >)
  | { type: 'deleted'; version: number; dependents: string[] }
  | { type: 'setAlias'; alias: string; version: number; why: string; because?: { name: string; digest: Digests } }
);

/** The versions that were not deleted, oldest first; the number of one that was is never given again. */
export function presentVersions(state: ModelState): ModelVersionState[] {
  return state.versions.filter((version) => !version.isDeleted);
}

export function reduceModel(state: ModelState | undefined, event: ModelEvent): Reduction<ModelState, Send> {
  if (event.type === 'register') {
    const before = state ?? {
      name: event.name,
      project: event.project,
      createdAt: event.at,
      versions: [],
      aliases: {},
    };
    const { type: _, at, name, project, notify, ...facts } = event;
    const known = before.versions.find((one) => one.run === event.run && one.validation?.id === event.validation?.id);
    const version = known ?? { ...facts, version: (before.versions.at(-1)?.version ?? 0) + 1, createdAt: at };
    const id = `${name}@v${version.version}`;
    const commands = [
      send('run', event.run, { type: 'registered', model: id }),
      ...(notify ? [send(notify.kind, notify.id, { type: 'modelRegistered', model: id, run: event.run })] : []),
    ];
    if (known) return { state: before, commands, receipts: [] };
    return {
      state: { ...before, versions: [...before.versions, version] },
      commands,
      receipts: [
        {
          kind: 'model.registered',
          subject: { name: `model:${id}`, digest: version.digests },
          inputs: [
            { name: `output:${version.run}/model`, digest: version.digests },
            ...(version.validation
              ? [{ name: `validation:${version.validation.id}`, digest: { sha256: version.validation.sha256 } }]
              : []),
          ],
          decision: version.gatesPassed ? 'registered: the gates passed' : 'registered',
          evidence: {
            run: version.run,
            dataset: version.dataset ?? null,
            params: version.params,
            metrics: version.metrics,
          },
        },
      ],
    };
  }
  if (!state) throw new Error('a model begins with register');
  if (event.type === 'deleted') return remove(state, event);
  const target = presentVersions(state).find((one) => one.version === event.version);
  const from = state.aliases[event.alias];
  if (!target || from === event.version) return unchanged(state);
  return {
    state: { ...state, aliases: { ...state.aliases, [event.alias]: event.version } },
    commands: [],
    receipts: [
      {
        kind: 'alias.moved',
        subject: { name: `alias:${state.name}/${event.alias}` },
        inputs: [
          { name: `model:${state.name}@v${event.version}`, digest: target.digests },
          ...(event.because ? [event.because] : []),
        ],
        decision: event.why,
        evidence: { alias: event.alias, model: state.name, from: from ?? null, to: event.version, at: event.at },
      },
    ],
  };
}

/** Aliases that point at a version go with it. */
function remove(
  state: ModelState,
  { at, version, dependents }: Extract<ModelEvent, { type: 'deleted' }>,
): Reduction<ModelState, Send> {
  const target = presentVersions(state).find((one) => one.version === version);
  if (!target) return unchanged(state);
  const versions = state.versions.map((one): ModelVersionState => (one === target ? { ...one, isDeleted: true } : one));
  const pointing = Object.keys(state.aliases).filter((alias) => state.aliases[alias] === version);
  const aliases = Object.fromEntries(Object.entries(state.aliases).filter(([, to]) => to !== version));
  const subject = `model:${state.name}@v${version}`;
  const parts = [{ name: subject, digest: target.digests }];
  const receipt = deletedReceipt({ subject, parts, dependents, at, evidence: { aliases: pointing, run: target.run } });
  return { state: { ...state, versions, aliases }, commands: [], receipts: [receipt] };
}
