import type { Endpoint, Revision, Rollout } from '../../server/protocol/entities.ts';
import type { DriftFeature, EndpointMonitor } from '../../server/protocol/monitors.ts';
import type { Collections } from '../model/liveModel.ts';
import { t } from '../text/language.ts';
import { formatCount, formatShare, formatValue } from '../text/number.ts';
import { stateWord } from '../text/states.ts';
import { exactTime, relativeTime } from '../text/time.ts';
import { looks } from './icons.ts';
import { isGoingOn } from './modelRows.ts';
import { click, facts, type Row, type RowIcon, tooltip, words } from './row.ts';

/** The view Endpoints. */
export function endpointRows(items: Collections, nowMs: number): Row[] {
  const endpoints = [...items('endpoints').values()].sort((a, b) => a.name.localeCompare(b.name));
  return endpoints.map((endpoint): Row => {
    const subject = { kind: 'endpoint', name: endpoint.name } as const;
    const shown = endpoint.revisions.filter((revision) => revision.status !== 'retired');
    const rollout = latestRollout(items, endpoint);
    const monitor = items('monitors').get(endpoint.name);
    return {
      id: `endpoint/${endpoint.name}`,
      label: endpoint.name,
      description: endpointState(endpoint),
      tooltip: tooltip(endpoint.name, [
        [t('Address'), endpoint.url],
        [t('Model'), endpoint.model],
        [t('Access'), endpoint.access],
        [t('Changed'), exactTime(endpoint.updatedAt)],
      ]),
      icon: endpointIcon(endpoint),
      context: words('endpoint', rollout && isGoingOn(rollout) && 'rollingOut'),
      subject,
      command: click('slipway.openEndpoint', subject),
      expanded: true,
      children: () => [
        ...(rollout ? [rolloutRow(rollout, nowMs)] : []),
        ...(monitor ? [driftRow(monitor, nowMs)] : []),
        ...shown.map((revision) => revisionRow(endpoint, revision)),
        ...(endpoint.recentErrors.length > 0 ? [errorsRow(endpoint, nowMs)] : []),
      ],
    };
  });
}

/** `120 req/s · p95 8 ms · no errors`. */
export function endpointState(endpoint: Endpoint): string {
  const serving = endpoint.revisions.filter((revision) => revision.status === 'ready' && revision.weight > 0);
  if (serving.length === 0) {
    const starting = endpoint.revisions.find((revision) => revision.status === 'starting');
    const failed = endpoint.revisions.find((revision) => revision.status === 'failed');
    if (starting) return facts(t('starting'), starting.name, starting.reason);
    return failed ? facts(t('failed'), failed.reason) : t('nothing is served');
  }
  const perSecond = serving.reduce((sum, revision) => sum + revision.requestsPerSecond, 0);
  const p95 = Math.max(...serving.map((revision) => revision.p95Ms ?? 0));
  const requests = serving.reduce((sum, revision) => sum + revision.requests, 0);
  const errors = serving.reduce((sum, revision) => sum + revision.errors, 0);
  return facts(
    t('{0} req/s', formatValue(Number(perSecond.toPrecision(3)))),
    p95 > 0 && `p95 ${formatMs(p95)}`,
    errors === 0 ? t('no errors') : t('{0} errors', formatShare(errors / Math.max(requests, 1))),
  );
}

function endpointIcon(endpoint: Endpoint): RowIcon {
  if (endpoint.revisions.some((revision) => revision.status === 'ready' && revision.weight > 0)) {
    return { name: 'radio-tower', color: 'testing.iconPassed' };
  }
  if (endpoint.revisions.some((revision) => revision.status === 'starting')) return looks.busy;
  return endpoint.revisions.some((revision) => revision.status === 'failed') ? looks.bad : { name: 'radio-tower' };
}

function revisionRow(endpoint: Endpoint, revision: Revision): Row {
  const icons = { starting: looks.busy, ready: looks.good, failed: looks.bad, retired: looks.quiet };
  const version = Number(/@v(\d+)$/.exec(revision.modelVersion)?.[1]);
  const subject = { kind: 'modelVersion', name: endpoint.model, version } as const;
  return {
    id: `endpoint/${endpoint.name}/${revision.name}`,
    label: revision.name,
    description: facts(
      `${formatValue(revision.weight)} %`,
      revision.status === 'ready'
        ? t('{0} of {1} ready', revision.ready, revision.replicas)
        : revision.reason || stateWord(revision.status),
      revision.p95Ms !== null && `p95 ${formatMs(revision.p95Ms)}`,
    ),
    tooltip: tooltip(`${endpoint.name} ${revision.name}`, [
      [t('Model'), revision.modelVersion],
      [t('Requests'), formatCount(revision.requests)],
      [t('Errors'), formatCount(revision.errors)],
      [t('In flight'), formatCount(revision.inFlight)],
      [t('Median latency'), revision.p50Ms === null ? '' : formatMs(revision.p50Ms)],
    ]),
    icon: icons[revision.status],
    context: 'revision',
    ...(version > 0 ? { subject, command: click('slipway.openModelVersion', subject) } : {}),
  };
}

/** `v5 → v6`, `step 2 of 4 · 131 of 200 requests`. */
export function rolloutRow(rollout: Rollout, nowMs: number): Row {
  const going = isGoingOn(rollout);
  return {
    id: `rollout/${rollout.id}`,
    label: rollout.from === null ? t('rollout {0}', rollout.to) : t('rollout {0} → {1}', rollout.from, rollout.to),
    description: rolloutState(rollout, nowMs),
    tooltip: tooltip(t('rollout {0}', rollout.id), [
      [t('State'), facts(stateWord(rollout.status), rollout.reason)],
      ...rollout.steps.map((step): [string, string] => [
        `${step.weight} %`,
        facts(stateWord(step.status), step.reason),
      ]),
    ]),
    icon: rolloutIcons[rollout.status],
    context: words('rollout', going ? 'active' : 'ended', rollout.status, rollout.receipt && 'receipt'),
    subject: { kind: 'rollout', id: rollout.id },
    command: click('slipway.openEndpoint', { kind: 'endpoint', name: rollout.endpoint }),
  };
}

const rolloutIcons: Record<Rollout['status'], RowIcon> = {
  starting: looks.busy,
  stepping: looks.busy,
  paused: looks.paused,
  completed: looks.good,
  rolledBack: looks.caution,
  aborted: looks.stopped,
  superseded: looks.quiet,
  failed: looks.bad,
};

export function rolloutState(rollout: Rollout, nowMs: number): string {
  const step = rollout.steps[rollout.step];
  if (rollout.status === 'starting') return facts(t('starting'), rollout.reason);
  if (rollout.status === 'stepping' || rollout.status === 'paused') {
    return facts(
      rollout.status === 'paused' && t('paused'),
      t('step {0} of {1}', rollout.step + 1, rollout.steps.length),
      `${formatValue(rollout.weight)} %`,
      step?.requests !== undefined &&
        step.needed !== undefined &&
        t('{0} of {1} requests', formatCount(step.requests), formatCount(step.needed)),
    );
  }
  return facts(
    stateWord(rollout.status),
    rollout.status !== 'completed' && rollout.reason,
    rollout.endedAt !== undefined && relativeTime(rollout.endedAt, nowMs),
  );
}

/** `drift`, `none · PSI 0.04` or `prediction.label · PSI 0.4`; with a proposal, what is asked. */
export function driftRow(monitor: EndpointMonitor, nowMs: number): Row {
  const { window, proposal, endpoint } = monitor;
  const farthest = window?.features[0];
  const effect = farthest && `${testName(farthest.test)} ${formatValue(Number(farthest.effect.toPrecision(2)))}`;
  const running = monitor.retrainings.some(({ endedAt }) => endedAt === null);
  return {
    id: `endpoint/${endpoint}/drift`,
    label: t('drift'),
    description: facts(
      !window
        ? t('the first window is not over')
        : window.verdict === 'inconclusive' && !monitor.isDrifting
          ? t('too few requests to say')
          : monitor.isDrifting
            ? (farthest?.feature ?? t('found'))
            : t('none'),
      effect,
      proposal?.kind === 'retrain' && t('retrain?'),
      proposal?.kind === 'label' && t('{0} labels missing', formatCount(proposal.missing)),
      running && t('retraining'),
    ),
    tooltip: tooltip(t('Drift of {0}', endpoint), [
      [t('Window'), window ? facts(window.reason, relativeTime(window.to, nowMs)) : ''],
      [t('False-alarm rate'), window ? formatShare(window.falseAlarmRate) : ''],
      [t('Compared with'), `${monitor.model} v${monitor.version}`],
      [t('Alarms'), formatCount(monitor.alarms)],
      [t('Proposal'), proposal?.reason ?? ''],
    ]),
    icon: proposal || monitor.isDrifting ? looks.caution : running ? looks.busy : looks.good,
    context: words('drift', proposal !== null && 'proposal', proposal?.kind === 'retrain' && 'retrain'),
    subject: { kind: 'drift', endpoint, ...(proposal ? { proposal: proposal.id } : {}) },
    command: click('slipway.openEndpoint', { kind: 'endpoint', name: endpoint }),
  };
}

function testName(test: DriftFeature['test']): string {
  return { psi: 'PSI', ks: 'KS', chi2: 'V', js: 'JS', share: t('share') }[test];
}

function errorsRow(endpoint: Endpoint, nowMs: number): Row {
  return {
    id: `endpoint/${endpoint.name}/errors`,
    label: t('recent errors'),
    description: formatCount(endpoint.recentErrors.length),
    icon: looks.caution,
    children: () =>
      endpoint.recentErrors.map(
        (error, index): Row => ({
          id: `endpoint/${endpoint.name}/errors/${error.requestId}/${index}`,
          label: `${error.status} ${error.message}`,
          description: facts(error.revision, relativeTime(error.at, nowMs)),
          tooltip: tooltip(error.message, [
            [t('Request'), error.requestId],
            [t('At'), exactTime(error.at)],
          ]),
          icon: looks.bad,
        }),
      ),
  };
}

/** The rollout in progress, else the last one that ended. */
function latestRollout(items: Collections, endpoint: Endpoint): Rollout | undefined {
  const rollouts = items('rollouts');
  const current = endpoint.rollout === undefined ? undefined : rollouts.get(endpoint.rollout);
  const own = [...rollouts.values()].filter((rollout) => rollout.endpoint === endpoint.name);
  return current ?? own.sort((a, b) => b.createdAt - a.createdAt)[0];
}

function formatMs(ms: number): string {
  return t('{0} ms', formatValue(Number(ms.toPrecision(2))));
}
