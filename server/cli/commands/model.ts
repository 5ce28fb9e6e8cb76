import type { ModelVersion, Rollout } from '../../protocol/entities.ts';
import { command } from '../command.ts';
import { confirmDeletion, yesOption } from '../confirmDeletion.ts';
import { connect } from '../connect.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { bytesText, facts, pairsText, table, timeText } from '../output.ts';
import { versionNumberOf, versionParams } from '../references.ts';
import { show } from '../shell.ts';

const list = command({
  name: 'model list',
  summary: 'List the models with their aliases.',
  options: { limit: limitOption },
  examples: ['slipway model list'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const { items, hasMore } = await readPages(options.limit, (query) => client.call('listModels', { query }));
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.name,
        it.project,
        `v${it.latest}`,
        aliasesText(it.aliases),
        timeText(it.updatedAt),
      ]);
      const none = 'No models yet. They come from runs whose gates pass: slipway pipeline run';
      return table(shell, ['NAME', 'PROJECT', 'LATEST', 'ALIASES', 'CHANGED'], rows, none) + moreText(hasMore);
    });
    return 0;
  },
});

function aliasesText(aliases: Record<string, number>): string {
  return Object.entries(aliases)
    .map(([alias, version]) => `${alias} → v${version}`)
    .join(', ');
}

const showModel = command({
  name: 'model show',
  summary: 'Show the versions of a model, or one version.',
  arguments: [{ name: 'NAME[@vN]', help: 'The model, or one of its versions.' }],
  options: { limit: limitOption },
  examples: ['slipway model show digits', 'slipway model show digits@v2'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { name, version } = versionParams(args[0]!, 'model show');
    if (version !== 'latest') {
      show(shell, await client.call('getModelVersion', { params: { name, version } }), describe);
      return 0;
    }
    const readPage = (query: { cursor?: string; limit: number }) =>
      client.call('listModelVersions', { params: { name }, query });
    const { items, hasMore } = await readPages(options.limit, readPage);
    show(shell, { items }, () => {
      const rows = items.map((it) => [
        it.id,
        it.aliases.join(', '),
        it.run,
        it.dataset ?? '–',
        pairsText(it.metrics),
        timeText(it.createdAt),
      ]);
      const head = ['VERSION', 'ALIASES', 'RUN', 'DATASET', 'METRICS', 'REGISTERED'];
      return table(shell, head, rows, `${name} has no versions.`) + moreText(hasMore);
    });
    return 0;
  },
});

function describe(it: ModelVersion): string {
  return facts([
    ['version', it.id],
    ['aliases', it.aliases.join(', ')],
    ['project', it.project],
    ['run', it.run],
    ['dataset', it.dataset],
    ['params', pairsText(it.params)],
    ['metrics', pairsText(it.metrics)],
    ['gates', it.gatesPassed === undefined ? 'not judged' : it.gatesPassed ? 'passed' : 'failed'],
    ['validation', it.validation],
    ['size', `${it.files} files, ${bytesText(it.bytes)}`],
    ['sha256', it.digests['sha256']],
    ['registered', timeText(it.createdAt)],
    ['receipt', it.receipt],
  ]);
}

const promote = command({
  name: 'model promote',
  summary: 'Move an alias to a model version. Traffic stays where it is: see slipway rollout start.',
  arguments: [{ name: 'NAME@vN', help: 'The model version.' }],
  options: { alias: { type: 'string', value: 'NAME', help: 'The alias (default: production).' } },
  examples: ['slipway model promote digits@v2', 'slipway model promote digits@v2 --alias staging'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { name, version } = versionNumberOf(args[0]!, 'model promote');
    const model = await client.call('setAlias', {
      params: { name },
      body: { alias: options.alias ?? 'production', version },
    });
    show(shell, model, (it) => `${it.name}: ${aliasesText(it.aliases)}`);
    return 0;
  },
});

const rollback = command({
  name: 'model rollback',
  summary: 'Send all traffic back to an earlier model version at once.',
  arguments: [{ name: 'NAME[@vN]', help: 'The model, or the version to go back to (default: the one before).' }],
  options: { endpoint: { type: 'string', value: 'NAME', help: 'The endpoint (default: that of the same name).' } },
  examples: ['slipway model rollback digits', 'slipway model rollback digits@v1'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { name, version } = versionParams(args[0]!, 'model rollback');
    const params = { name: options.endpoint ?? name };
    const body = { version: version === 'latest' ? undefined : Number(version.slice(1)) };
    show(shell, await client.call('rollBack', { params, body }), (it: Rollout) => {
      return `${it.id}: ${it.endpoint} ${it.from ?? 'nothing'} → ${it.to}, ${it.status}${it.reason ? `: ${it.reason}` : ''}`;
    });
    return 0;
  },
});

const remove = command({
  name: 'model delete',
  summary: 'Delete a model version, or all of them; receipts stay that say so.',
  arguments: [{ name: 'NAME[@vN]', help: 'One version, or the model with all of them.' }],
  options: { yes: yesOption },
  examples: ['slipway model delete digits@v1', 'slipway model delete digits --yes'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { name, version } = versionParams(args[0]!, 'model delete');
    if (!(await confirmDeletion(client, `model:${args[0]}`, options, shell))) return 1;
    if (version === 'latest') await client.call('deleteModel', { params: { name } });
    else await client.call('deleteModelVersion', { params: { name, version } });
    show(shell, { deleted: args[0]! }, ({ deleted }) => `${deleted} was deleted`);
    return 0;
  },
});

export const commands = [list, showModel, promote, rollback, remove];
