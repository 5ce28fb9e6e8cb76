import { resolve } from 'node:path';
import * as z from 'zod';
import { readS3Access } from '../../objects/s3Access.ts';
import type { DatasetVersion } from '../../protocol/entities.ts';
import { DurationMs } from '../../protocol/units.ts';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { followOperation } from '../followOperation.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { bytesText, facts, paint, pairsText, table, timeText } from '../output.ts';
import { problemsText, VerifyResult } from '../problems.ts';
import { versionParams } from '../references.ts';
import { note, print, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';

/** What adding gives, as INTERFACE pins its keys for `--json`. */
const Added = z.object({
  dataset: z.string(),
  version: z.number(),
  digest: z.string().nullable(),
  sha256: z.string().nullable(),
  files: z.number(),
  bytes: z.number(),
  added: z.number(),
  changed: z.number(),
  removed: z.number(),
  seconds: z.number(),
});

const remoteOption = {
  type: 'string',
  value: 'REMOTE',
  required: true,
  help: 's3://BUCKET/PREFIX, or a folder (a mounted NAS).',
} as const;

/** The remote as the control plane knows it, with the credentials of whoever calls. */
function remoteBody(remote: string, shell: Shell) {
  const isUrl = /^[a-z0-9]+:\/\//.test(remote);
  return {
    remote: isUrl ? remote : resolve(shell.cwd, remote),
    ...(remote.startsWith('s3://') && { s3: readS3Access(shell.env) }),
  };
}

const add = command({
  name: 'dataset add',
  summary: 'Add what a folder or file holds as a new version of a dataset.',
  details:
    'Bytes that are in the store already are not stored again. If nothing has changed, the latest version is the answer.',
  arguments: [{ name: 'PATH', help: 'The folder or file.' }],
  options: {
    name: { type: 'string', value: 'NAME', required: true, help: 'The dataset.' },
    project: {
      type: 'string',
      value: 'NAME',
      help: 'The project whose receipts it joins (default: the name of the dataset).',
    },
    rehash: { type: 'boolean', help: 'Read every file again, also those that look unchanged.' },
    'in-place': { type: 'boolean', help: 'Leave the bytes where they are.' },
    dvc: { type: 'boolean', help: 'Write PATH.dvc and .gitignore as dvc add does.' },
  },
  examples: ['slipway dataset add data --name digits', 'slipway dataset add data.csv --name prices --json'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const path = resolve(shell.cwd, args[0]!);
    const client = await connect(target, shell);
    const { name, project, rehash } = options;
    const body = { name, path, project, rehash, inPlace: options['in-place'], dvc: options.dvc };
    const added = Added.parse(await followOperation(client, await client.call('addDatasetVersion', { body }), shell));
    show(shell, added, addedText);
    return 0;
  },
});

function addedText(it: z.infer<typeof Added>): string {
  const changes = `${it.added} added, ${it.changed} changed, ${it.removed} removed`;
  const size = `${it.files} files, ${bytesText(it.bytes)}`;
  return `${it.dataset}@v${it.version}: ${size}; ${changes}; ${it.seconds.toFixed(1)} s\n${facts([
    ['digest', it.digest ?? 'not hashed yet'],
    ['sha256', it.sha256 ?? 'not hashed yet'],
  ])}`;
}

const list = command({
  name: 'dataset list',
  summary: 'List the datasets.',
  options: { limit: limitOption },
  examples: ['slipway dataset list'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { items, hasMore } = await readPages(options.limit, (query) => client.call('listDatasets', { query }));
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.name,
        `v${it.latest}`,
        String(it.files),
        bytesText(it.bytes),
        timeText(it.updatedAt),
      ]);
      const none = 'No datasets yet. Add one: slipway dataset add PATH --name NAME';
      return table(shell, ['NAME', 'LATEST', 'FILES', 'SIZE', 'CHANGED'], rows, none) + moreText(hasMore);
    });
    return 0;
  },
});

const showVersions = command({
  name: 'dataset show',
  summary: 'Show the versions of a dataset, or one version.',
  arguments: [{ name: 'NAME[@vN]', help: 'The dataset, or one of its versions.' }],
  options: { limit: limitOption },
  examples: ['slipway dataset show digits', 'slipway dataset show digits@v3 --json'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const { name, version } = versionParams(args[0]!, 'dataset show');
    const client = await connect(target, shell);
    if (version !== 'latest') {
      show(shell, await client.call('getDatasetVersion', { params: { name, version } }), describeVersion);
      return 0;
    }
    const readPage = (query: { cursor?: string; limit: number }) =>
      client.call('listDatasetVersions', { params: { name }, query });
    const { items, hasMore } = await readPages(options.limit, readPage);
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.id,
        String(it.files),
        bytesText(it.bytes),
        `+${it.added} ~${it.changed} -${it.removed}`,
        it.split ? `${it.split.train}/${it.split.test}` : '–',
        timeText(it.createdAt),
      ]);
      return (
        table(shell, ['VERSION', 'FILES', 'SIZE', 'CHANGES', 'TRAIN/TEST', 'ADDED'], rows, `${name} has no versions.`) +
        moreText(hasMore)
      );
    });
    return 0;
  },
});

function describeVersion(it: DatasetVersion): string {
  const { split } = it;
  return facts([
    ['version', it.id],
    ['digest', it.digest ?? 'not hashed yet'],
    ['sha256', it.sha256 ?? 'not hashed yet'],
    ['files', it.files],
    ['size', bytesText(it.bytes)],
    ['changes', `${it.added} added, ${it.changed} changed, ${it.removed} removed`],
    ['added', `${timeText(it.createdAt)} by ${it.actor} from ${it.source}`],
    [
      'split',
      split &&
        `${split.strategy}${split.by ? ` by ${split.by}` : ''}, seed ${split.seed}: train ${split.train}, test ${split.test}`,
    ],
    ['leakage', split && leakageText(split)],
    ['used by', it.usedBy.join(', ')],
    ['receipt', it.receipt],
  ]);
}

function leakageText({ leakage }: NonNullable<DatasetVersion['split']>): string {
  if (leakage.verdict === 'none') return 'none';
  return `${leakage.exact} files, ${leakage.groups} groups on both sides, for example ${leakage.examples.slice(0, 3).join(', ')}`;
}

const diff = command({
  name: 'dataset diff',
  summary: 'Show what changed against another version, or the one before.',
  arguments: [{ name: 'NAME[@vN]', help: 'The version to look at (default: the latest).' }],
  options: { from: { type: 'string', value: 'vN', help: 'The version to compare with (default: the one before).' } },
  examples: ['slipway dataset diff digits', 'slipway dataset diff digits@v3 --from v1'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = versionParams(args[0]!, 'dataset diff');
    const result = await client.call('diffDatasetVersions', { params, query: { from: options.from } });
    show(shell, result, ({ from, to, added, changed, removed, moved }) => {
      const lines = [
        ...added.map((name) => paint(shell, 'green', `+ ${shown(name)}`)),
        ...changed.map((name) => paint(shell, 'yellow', `~ ${shown(name)}`)),
        ...removed.map((name) => paint(shell, 'red', `- ${shown(name)}`)),
        ...moved.map((name) => `> ${shown(name.from)} → ${shown(name.to)}`),
      ];
      const counts = `${added.length} added, ${changed.length} changed, ${removed.length} removed, ${moved.length} moved`;
      return [`${params.name} ${from ?? 'nothing'} → ${to}: ${counts}`, ...lines].join('\n');
    });
    return 0;
  },
});

/** A file name on one line: control characters would move the cursor, or worse. */
function shown(name: string): string {
  return /\p{Control}/u.test(name) ? JSON.stringify(name) : name;
}

const split = command({
  name: 'dataset split',
  summary: 'Split a version into train and test, and check for leakage.',
  arguments: [{ name: 'NAME[@vN]', help: 'The version (default: the latest).' }],
  options: {
    strategy: {
      type: 'string',
      value: 'KIND',
      required: true,
      choices: ['random', 'stratified', 'group', 'time'],
      help: 'How files are told apart.',
    },
    by: {
      type: 'string',
      value: 'KEY',
      help: 'What stratified, group and time go by: label (the first folder), or a pattern.',
    },
    test: { type: 'number', value: 'SHARE', help: 'Share of files that go to the test side (default 0.2).' },
    seed: { type: 'integer', value: 'N', help: 'Seed (default 0).' },
    folds: { type: 'integer', value: 'K', help: 'Also make K folds of the train side.' },
    project: { type: 'string', value: 'NAME', help: 'The project whose receipts it joins.' },
  },
  examples: ['slipway dataset split digits --strategy stratified --by label --test 0.2 --seed 7'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = versionParams(args[0]!, 'dataset split');
    const { project, strategy, by, test, seed, folds } = options;
    const spec = { strategy: strategy as 'random', by, test, seed, folds };
    const version = await client.call('splitDatasetVersion', { params, body: { project, split: spec } });
    show(shell, version, describeVersion);
    if (version.split?.leakage.verdict === 'leaks')
      note(shell, 'slipway: warning: there is leakage between train and test.');
    return 0;
  },
});

const checkout = command({
  name: 'dataset checkout',
  summary: 'Write the files of a version into an empty or new folder.',
  arguments: [{ name: 'NAME[@vN]', help: 'The version (default: the latest).' }],
  options: { to: { type: 'string', value: 'DIR', required: true, help: 'The folder.' } },
  examples: ['slipway dataset checkout digits@v3 --to /tmp/digits'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = versionParams(args[0]!, 'dataset checkout');
    const to = resolve(shell.cwd, options.to);
    const operation = await client.call('checkoutDatasetVersion', { params, body: { to } });
    const Result = z.object({ dataset: z.string(), version: z.number(), to: z.string(), files: z.number() });
    const result = Result.parse(await followOperation(client, operation, shell));
    show(shell, result, (it) => `${it.dataset}@v${it.version}: ${it.files} files in ${it.to}`);
    return 0;
  },
});

const verify = command({
  name: 'dataset verify',
  summary: 'Read every byte of every version and name what is wrong.',
  arguments: [{ name: 'NAME', help: 'The dataset.' }],
  options: { remote: { ...remoteOption, required: false } },
  examples: ['slipway dataset verify digits', 'slipway dataset verify digits --remote s3://bucket/data'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const name = args[0]!;
    const body = options.remote === undefined ? {} : remoteBody(options.remote, shell);
    const operation = await client.call('verifyDataset', { params: { name }, body });
    const result = VerifyResult.parse(await followOperation(client, operation, shell));
    return reportVerified(shell, name, result);
  },
});

function reportVerified(shell: Shell, name: string, result: z.infer<typeof VerifyResult>): number {
  if (shell.json) print(shell, JSON.stringify(result));
  else if (result.ok)
    print(
      shell,
      `${name}: every byte is what its receipts say${result.objects === undefined ? '' : ` (${pairsText({ objects: result.objects })})`}`,
    );
  else print(shell, problemsText(shell, result.problems));
  return result.ok ? 0 : 1;
}

const push = command({
  name: 'dataset push',
  summary: 'Send a version to a remote; what is there already is not sent again.',
  details: 'Endpoint and credentials of S3 come from the standard AWS variables and files.',
  arguments: [{ name: 'NAME[@vN]', help: 'The version (default: the latest).' }],
  options: { remote: remoteOption },
  examples: [
    'slipway dataset push digits --remote s3://bucket/data',
    'slipway dataset push digits@v2 --remote /mnt/nas/data',
  ],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const params = versionParams(args[0]!, 'dataset push');
    const operation = await client.call('pushDatasetVersion', { params, body: remoteBody(options.remote, shell) });
    const Pushed = z.object({
      ...{ dataset: z.string(), version: z.number(), digest: z.string(), remote: z.string() },
      ...{ objects: z.number(), bytes: z.number() },
    });
    const pushed = Pushed.parse(await followOperation(client, operation, shell));
    show(
      shell,
      pushed,
      (it) => `${it.dataset}@v${it.version}: ${it.objects} objects, ${bytesText(it.bytes)} sent to ${it.remote}`,
    );
    return 0;
  },
});

const pull = command({
  name: 'dataset pull',
  summary: 'Fetch a version from a remote, as Slipway or DVC pushed it.',
  arguments: [{ name: 'NAME', help: 'The dataset.' }],
  options: {
    remote: remoteOption,
    digest: {
      type: 'string',
      value: 'DIGEST',
      help: 'What to fetch, as in a .dvc file (default: the newest that Slipway pushed).',
    },
    project: {
      type: 'string',
      value: 'NAME',
      help: 'The project whose receipts it joins (default: the name of the dataset).',
    },
  },
  examples: ['slipway dataset pull digits --remote s3://bucket/data'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { digest, project } = options;
    const body = { name: args[0]!, digest, project, ...remoteBody(options.remote, shell) };
    const pulled = Added.parse(await followOperation(client, await client.call('pullDataset', { body }), shell));
    show(shell, pulled, addedText);
    return 0;
  },
});

const remove = command({
  name: 'dataset delete',
  summary: 'Delete a version, or all of them; receipts stay that say so. `dataset gc` then frees the bytes.',
  arguments: [{ name: 'NAME[@vN]', help: 'One version, or the dataset with all of them.' }],
  options: { yes: yesOption },
  examples: ['slipway dataset delete digits@v1', 'slipway dataset delete digits --yes'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { name, version } = versionParams(args[0]!, 'dataset delete');
    if (!(await confirmDeletion(client, `dataset:${args[0]}`, options, shell))) return 1;
    if (version === 'latest') await client.call('deleteDataset', { params: { name } });
    else await client.call('deleteDatasetVersion', { params: { name, version } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

const erase = command({
  name: 'dataset erase',
  summary: 'Erase files from all versions, with their bytes, at once; for good.',
  details: 'Versions that have such files are deleted, with a receipt; of the latest, one without them is made.',
  arguments: [{ name: 'NAME', help: 'The dataset.' }],
  options: {
    path: {
      type: 'string',
      multiple: true,
      value: 'PATTERN',
      help: 'A file or folder, or a pattern as in .gitignore.',
    },
    yes: yesOption,
  },
  examples: ['slipway dataset erase scans --path patients/1042'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const name = args[0]!;
    if (options.path.length === 0) throw usageError('dataset erase needs --path PATTERN', 'Name what is to be erased.');
    if (!(await confirmDeletion(client, `dataset:${name}`, options, shell))) return 1;
    const operation = await client.call('eraseDatasetFiles', { params: { name }, body: { paths: options.path } });
    const Erased = z.object({
      ...{ dataset: z.string(), files: z.number(), deleted: z.array(z.number()), version: z.number().nullable() },
      ...{ objects: z.number(), kept: z.number() },
    });
    const erased = Erased.parse(await followOperation(client, operation, shell));
    show(shell, erased, (it) => {
      const versions = it.deleted.map((version) => `v${version}`).join(', ');
      const after = it.version === null ? '' : `; ${it.dataset}@v${it.version} is without them`;
      const kept = it.kept === 0 ? '' : `\n${it.kept} objects with the same bytes stay: something else leads to them`;
      return `${it.files} files erased; ${versions} deleted${after}; ${it.objects} objects removed${kept}`;
    });
    return 0;
  },
});

/** @throws SlipwayError `usage` */
function graceOf(text: string): number {
  const { success, data } = DurationMs.safeParse(text);
  if (success) return data;
  throw usageError(`--grace ${text} is not a duration`, 'Write for example 30m, 24h or 0s.');
}

const gc = command({
  name: 'dataset gc',
  summary: 'Remove stored bytes that no version, run or model leads to.',
  options: {
    'dry-run': { type: 'boolean', help: 'Only tell what would be removed.' },
    grace: { type: 'string', value: 'DURATION', help: 'Keep what is younger (default 1h).' },
  },
  examples: ['slipway dataset gc --dry-run', 'slipway dataset gc --grace 0s'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const graceMs = options.grace === undefined ? undefined : graceOf(options.grace);
    const operation = await client.call('collectGarbage', { body: { dryRun: options['dry-run'], graceMs } });
    const Garbage = z.object({ objects: z.number(), bytes: z.number(), kept: z.number(), dryRun: z.boolean() });
    const found = Garbage.parse(await followOperation(client, operation, shell));
    show(shell, found, (it) => {
      const done = it.dryRun ? 'would be removed' : 'removed';
      return `${it.objects} objects, ${bytesText(it.bytes)} ${done}; ${it.kept} kept`;
    });
    return 0;
  },
});

export const commands = [add, list, showVersions, diff, split, checkout, push, pull, verify, gc, erase, remove];
