import type { ModelVersion, Rollout } from '../../server/protocol/entities.ts';
import type { Collections } from '../model/liveModel.ts';
import { t } from '../text/language.ts';
import { formatBytes, formatParams, formatValue } from '../text/number.ts';
import { exactTime, relativeTime } from '../text/time.ts';
import { looks } from './icons.ts';
import { click, facts, type Row, tooltip, words } from './row.ts';

/** The view Models: models by name, each with its versions, newest first. */
export function modelRows(items: Collections, nowMs: number): Row[] {
  const models = [...items('models').values()].sort((a, b) => a.name.localeCompare(b.name));
  const rollouts = [...items('rollouts').values()].filter(isGoingOn);
  return models.map((model, index): Row => {
    const versions = [...items('modelVersions').values()]
      .filter((version) => version.model === model.name)
      .sort((a, b) => b.version - a.version);
    const production = model.aliases['production'];
    return {
      id: `model/${model.name}`,
      label: model.name,
      description: facts(
        production === undefined ? t('none in production') : t('v{0} in production', production),
        production !== model.latest && t('latest v{0}', model.latest),
      ),
      tooltip: tooltip(model.name, [
        [t('Project'), model.project],
        [t('Changed'), exactTime(model.updatedAt)],
        ...Object.entries(model.aliases).map(([alias, version]): [string, string] => [alias, `v${version}`]),
      ]),
      icon: { name: 'package' },
      context: 'model',
      subject: { kind: 'model', name: model.name },
      expanded: index === 0,
      children: () => versions.map((version) => versionRow(version, rollouts, nowMs)),
    };
  });
}

function versionRow(version: ModelVersion, rollouts: Rollout[], nowMs: number): Row {
  const rollout = rollouts.find(({ model, to }) => model === version.model && to === `v${version.version}`);
  const canary = rollout !== undefined && t('canary {0} %', formatValue(rollout.weight));
  const { gatesPassed } = version;
  const gates = gatesPassed === undefined ? undefined : gatesPassed ? t('gates passed') : t('gates failed');
  const metric = headMetric(version.metrics);
  const subject = { kind: 'modelVersion', name: version.model, version: version.version } as const;
  const isServing = version.aliases.includes('production');
  return {
    id: `model/${version.model}/v${version.version}`,
    label: `v${version.version}`,
    description: facts(...version.aliases, canary, metric && formatValue(metric[1]), gates),
    tooltip: tooltip(`${version.model} v${version.version}`, [
      ...Object.entries(version.metrics).map(([name, value]): [string, string] => [name, formatValue(value)]),
      [t('Parameters'), formatParams(version.params)],
      [t('Dataset'), version.dataset ?? ''],
      [t('Size'), formatBytes(version.bytes)],
      [t('Registered'), `${relativeTime(version.createdAt, nowMs)} (${exactTime(version.createdAt)})`],
    ]),
    icon: isServing ? looks.serving : rollout ? looks.canary : looks.quiet,
    context: words('modelVersion', version.receipt && 'receipt', rollout && 'rollingOut'),
    subject,
    command: click('slipway.openModelVersion', subject),
  };
}

/** The number by which versions are told apart: what the test side says before anything else, accuracy before loss. */
export function headMetric(metrics: ModelVersion['metrics']): [name: string, value: number | string] | undefined {
  const rank = ([name]: [string, unknown]) =>
    (name.startsWith('test/') ? 0 : name.startsWith('val/') ? 2 : 4) + (/loss/.test(name) ? 1 : 0);
  return Object.entries(metrics).sort((a, b) => rank(a) - rank(b))[0];
}

/** A rollout that may still move traffic. */
export function isGoingOn({ status }: Rollout): boolean {
  return status === 'starting' || status === 'stepping' || status === 'paused';
}
