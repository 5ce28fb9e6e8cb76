import type { DatasetVersion, Operation } from '../../server/protocol/entities.ts';
import type { Collections } from '../model/liveModel.ts';
import { t } from '../text/language.ts';
import { formatBytes, formatCount } from '../text/number.ts';
import { exactTime, relativeTime } from '../text/time.ts';
import { looks } from './icons.ts';
import { click, facts, type Row, tooltip, words } from './row.ts';

type Split = NonNullable<DatasetVersion['split']>;

/** Reads what a dataset version holds; the rows ask only when they are opened. */
export interface DatasetContents {
  /** Files and folders directly below a folder (`''` or `a/b/`). */
  list(name: string, version: number, folder: string): Promise<FolderListing>;
  /** What changed against the version before. */
  changes(name: string, version: number): Promise<VersionChanges>;
}

export interface FolderListing {
  folders: string[];
  files: { path: string; bytes: number; side?: 'train' | 'test' | undefined }[];
  /** There is more than is listed. */
  isCut: boolean;
}

export interface VersionChanges {
  from: string | null;
  added: string[];
  changed: string[];
  removed: string[];
  moved: { from: string; to: string }[];
}

/** How many changed files a row lists. */
const listedChanges = 500;

/** The view Datasets: long work first, then datasets by name. */
export function datasetRows(items: Collections, contents: DatasetContents, nowMs: number): Row[] {
  const production = productionModels(items);
  const working = [...items('operations').values()].filter(
    (operation) => operation.status === 'running' && operation.kind.startsWith('dataset'),
  );
  const datasets = [...items('datasets').values()].sort((a, b) => a.name.localeCompare(b.name));
  return [
    ...working.map(operationRow),
    ...datasets.map((dataset, index): Row => {
      const versions = [...items('datasetVersions').values()]
        .filter((version) => version.dataset === dataset.name)
        .sort((a, b) => b.version - a.version);
      return {
        id: `dataset/${dataset.name}`,
        label: dataset.name,
        description: facts(
          `v${dataset.latest}`,
          t('{0} files', formatCount(dataset.files)),
          formatBytes(dataset.bytes),
          dataset.title,
        ),
        tooltip: tooltip(dataset.name, [
          [t('Latest version'), `v${dataset.latest}`],
          [t('Versions'), formatCount(versions.length)],
          [t('Changed'), exactTime(dataset.updatedAt)],
        ]),
        icon: { name: 'database' },
        context: 'dataset',
        subject: { kind: 'dataset', name: dataset.name },
        expanded: index === 0,
        children: () => versions.map((version, i) => versionRow(version, i === 0, production, contents, nowMs)),
      };
    }),
  ];
}

/** Long work as a row: what, how far, and that it can be cancelled. */
export function operationRow(operation: Operation): Row {
  const { done, total, unit, message } = operation.progress;
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : formatCount(value));
  const progress = total === undefined ? amount(done) : `${amount(done)} / ${amount(total)}`;
  return {
    id: `operation/${operation.id}`,
    label: operation.subject,
    description: facts(message, done > 0 && `${progress}${unit === 'bytes' ? '' : ` ${unit}`}`),
    icon: looks.busy,
    context: 'operation',
    subject: { kind: 'operation', id: operation.id },
  };
}

function versionRow(
  version: DatasetVersion,
  isLatest: boolean,
  production: ReadonlySet<string>,
  contents: DatasetContents,
  nowMs: number,
): Row {
  const { dataset: name, version: number } = version;
  const used = version.usedBy.some((model) => production.has(model));
  const subject = { kind: 'datasetVersion', name, version: number } as const;
  return {
    id: `dataset/${name}/v${number}`,
    label: `v${number}`,
    description: facts(amountOfChange(version), relativeTime(version.createdAt, nowMs), used && t('in production')),
    tooltip: tooltip(`${name} v${number}`, [
      [t('Files'), `${formatCount(version.files)}, ${formatBytes(version.bytes)}`],
      [t('Added from'), version.source],
      [t('Added'), exactTime(version.createdAt)],
      [t('Used by'), version.usedBy.join(', ')],
      version.sha256 ? ['SHA-256', version.sha256] : [t('Digest'), t('by stat: not hashed yet')],
    ]),
    icon: { name: 'versions' },
    context: words('datasetVersion', version.receipt && 'receipt', number > 1 && 'hasBefore'),
    subject,
    expanded: isLatest,
    children: () => [
      ...(version.split ? [splitRow(version, version.split)] : []),
      ...(number > 1 ? [changesRow(name, number, contents)] : []),
      folderRow(name, number, '', t('files'), contents),
    ],
  };
}

function amountOfChange({ version, added, changed, removed, files }: DatasetVersion): string {
  if (version === 1) return t('{0} files', formatCount(files));
  const parts = [
    added && `+${formatCount(added)}`,
    changed && `~${formatCount(changed)}`,
    removed && `−${formatCount(removed)}`,
  ];
  return parts.filter(Boolean).join(' ') || t('no change');
}

function splitRow(version: DatasetVersion, split: Split): Row {
  const { leakage } = split;
  const leaks = leakage.verdict === 'leaks';
  const strategies = {
    random: t('random'),
    stratified: t('stratified'),
    group: t('by group'),
    time: t('by time'),
  };
  return {
    id: `dataset/${version.dataset}/v${version.version}/split`,
    label: t('train {0} · test {1}', formatCount(split.train), formatCount(split.test)),
    description: facts(
      strategies[split.strategy],
      leaks ? t('{0} leaks', leakage.exact + leakage.groups) : t('no leakage'),
    ),
    tooltip: tooltip(t('Split'), [
      [t('Strategy'), facts(strategies[split.strategy], split.by)],
      [t('Seed'), String(split.seed)],
      [t('Classes'), formatCount(Object.keys(split.classes).length)],
      [t('Files that changed sides'), formatCount(split.moved)],
      [t('Files on both sides'), formatCount(leakage.exact)],
      [t('Groups on both sides'), formatCount(leakage.groups)],
      [t('Examples'), leakage.examples.slice(0, 5).join(', ')],
    ]),
    icon: leaks ? looks.caution : { name: 'split-horizontal' },
    context: words('split', split.receipt && 'receipt'),
    subject: { kind: 'datasetVersion', name: version.dataset, version: version.version },
  };
}

function changesRow(name: string, version: number, contents: DatasetContents): Row {
  const id = `dataset/${name}/v${version}/changes`;
  const change = (path: string, sign: string, color: string, compares: boolean): Row => ({
    id: `${id}/${sign}${path}`,
    label: path,
    description: sign,
    icon: { name: compares ? 'diff-modified' : sign === '+' ? 'diff-added' : 'diff-removed', color },
    context: 'changedFile',
    subject: { kind: 'datasetFile', name, version: sign === '−' ? version - 1 : version, path },
    command: compares
      ? click('slipway.compareDatasetFile', { kind: 'datasetFile', name, version, path })
      : click('slipway.openDatasetFile', {
          kind: 'datasetFile',
          name,
          version: sign === '−' ? version - 1 : version,
          path,
        }),
  });
  return {
    id,
    label: t('changes'),
    description: t('against v{0}', version - 1),
    icon: { name: 'diff' },
    children: async () => {
      const { added, changed, removed, moved } = await contents.changes(name, version);
      const rows = [
        ...changed.map((path) => change(path, '~', 'gitDecoration.modifiedResourceForeground', true)),
        ...added.map((path) => change(path, '+', 'gitDecoration.addedResourceForeground', false)),
        ...removed.map((path) => change(path, '−', 'gitDecoration.deletedResourceForeground', false)),
        ...moved.map(({ from, to }): Row => {
          const row = change(to, '→', 'gitDecoration.renamedResourceForeground', false);
          return { ...row, description: `← ${from}`, icon: { name: 'diff-renamed' } };
        }),
      ];
      return limited(rows, listedChanges, id);
    },
  };
}

function folderRow(name: string, version: number, folder: string, label: string, contents: DatasetContents): Row {
  const id = `dataset/${name}/v${version}/files/${folder}`;
  return {
    id,
    label,
    icon: { name: 'folder' },
    context: 'datasetFolder',
    children: async () => {
      const { folders, files, isCut } = await contents.list(name, version, folder);
      const rows = [
        ...folders.map((child) => folderRow(name, version, `${folder}${child}/`, child, contents)),
        ...files.map((file): Row => {
          const subject = { kind: 'datasetFile', name, version, path: file.path } as const;
          return {
            id: `dataset/${name}/v${version}/file/${file.path}`,
            label: file.path.slice(folder.length),
            description: facts(formatBytes(file.bytes), file.side),
            icon: { name: 'file' },
            context: 'datasetFile',
            subject,
            command: click('slipway.openDatasetFile', subject),
          };
        }),
      ];
      return isCut ? [...rows, moreRow(id, t('There are more files; the rest is not listed.'))] : rows;
    },
  };
}

function limited(rows: Row[], limit: number, id: string): Row[] {
  if (rows.length <= limit) return rows;
  return [...rows.slice(0, limit), moreRow(id, t('and {0} more', formatCount(rows.length - limit)))];
}

function moreRow(id: string, label: string): Row {
  return { id: `${id}/more`, label, icon: { name: 'ellipsis' } };
}

/** `digits@v5` of every model version that is in production. */
function productionModels(items: Collections): ReadonlySet<string> {
  const inProduction = [...items('models').values()].filter((model) => model.aliases['production'] !== undefined);
  return new Set(inProduction.map((model) => `${model.name}@v${model.aliases['production']}`));
}
