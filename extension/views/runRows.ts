import { endedRunStatuses, type Node, type Run, type Sweep, type Trial } from '../../server/protocol/entities.ts';
import type { Collections } from '../model/liveModel.ts';
import { t } from '../text/language.ts';
import { formatBytes, formatCount, formatParams, formatValue } from '../text/number.ts';
import { stateWord } from '../text/states.ts';
import { clockTime, exactTime, formatSpan, periodOf, relativeTime } from '../text/time.ts';
import { runIcon, sweepIcons, trialIcons } from './icons.ts';
import { click, facts, type Row, tooltip, words } from './row.ts';

/** How many rows a closed period or a sweep lists. */
const listed = 200;

export interface RunGroups {
  running: Run[];
  waiting: Run[];
  today: Run[];
  thisWeek: Run[];
  earlier: Run[];
}

/** Runs as people look for them: what happens now, what waits, then by day. Trials stand under their sweep. */
export function groupRuns(runs: Iterable<Run>, nowMs: number): RunGroups {
  const groups: RunGroups = { running: [], waiting: [], today: [], thisWeek: [], earlier: [] };
  for (const run of runs) {
    if (run.sweep !== undefined) continue;
    if (run.status === 'waiting') groups.waiting.push(run);
    else if (isActive(run)) groups.running.push(run);
    else groups[periodOf(run.endedAt ?? run.createdAt, nowMs)].push(run);
  }
  for (const group of Object.values(groups) as Run[][]) group.sort((a, b) => b.createdAt - a.createdAt);
  groups.waiting.sort((a, b) => (a.waiting?.position ?? Infinity) - (b.waiting?.position ?? Infinity));
  return groups;
}

/** How many runs, trials included, hold or want resources now. */
export function countRunning(runs: Iterable<Run>): number {
  return [...runs].filter((run) => isActive(run) && run.status !== 'waiting').length;
}

export function isActive(run: Run): boolean {
  return !endedRunStatuses.includes(run.status);
}

/** The view Runs. */
export function runRows(items: Collections, nowMs: number): Row[] {
  const groups = groupRuns(items('runs').values(), nowMs);
  const sweeps = [...items('sweeps').values()].sort((a, b) => b.createdAt - a.createdAt);
  const nodes = [...items('nodes').values()];
  const runRowOf = (run: Run) => runRow(run, nodes, nowMs);
  return [
    ...group('running', t('Running'), groups.running.map(runRowOf), true),
    ...group('waiting', t('Waiting'), groups.waiting.map(runRowOf), true),
    ...group(
      'sweeps',
      t('Sweeps'),
      sweeps.map((sweep) => sweepRow(sweep, items, nowMs)),
      sweeps.some(isSweepActive),
    ),
    ...group('today', t('Today'), groups.today.map(runRowOf), true),
    ...group('thisWeek', t('This week'), groups.thisWeek.map(runRowOf), false),
    ...group('earlier', t('Earlier'), groups.earlier.map(runRowOf), false),
  ];
}

/** Groups that are empty are not shown. */
function group(id: string, label: string, rows: Row[], expanded: boolean): Row[] {
  if (rows.length === 0) return [];
  const cut = rows.slice(0, listed);
  const rest = rows.length - cut.length;
  const more =
    rest > 0 ? [{ id: `${id}/more`, label: t('and {0} more', formatCount(rest)), icon: { name: 'ellipsis' } }] : [];
  return [{ id, label, description: formatCount(rows.length), expanded, children: () => [...cut, ...more] }];
}

/** One run: its name, then what a person would ask next. */
export function runRow(run: Run, nodes: Node[], nowMs: number): Row {
  const subject = { kind: 'run', id: run.id } as const;
  return {
    id: `run/${run.id}`,
    label: run.title,
    description: runState(run, nodes, nowMs),
    tooltip: runTooltip(run, nowMs),
    icon: runIcon(run),
    context: words(
      'run',
      run.kind,
      isActive(run) ? 'active' : 'ended',
      run.status,
      run.receipt && 'receipt',
      hasModel(run) && 'hasModel',
      run.model !== undefined && 'registered',
    ),
    subject,
    command: click('slipway.openRun', subject),
  };
}

/** A run whose model can be validated. */
export function hasModel(run: Run): boolean {
  return run.status === 'succeeded' && (run.kind === 'train' || run.kind === 'trial');
}

/** The state of a run in one line. */
export function runState(run: Run, nodes: Node[], nowMs: number): string {
  if (run.status === 'waiting') return facts(waitingText(run));
  const metric = headValue(run);
  if (run.status === 'running' || run.status === 'stopping') {
    const { epoch } = run;
    const step =
      epoch && (epoch.total === undefined ? t('step {0}', epoch.step) : t('epoch {0}/{1}', epoch.step, epoch.total));
    return facts(run.status === 'stopping' && t('stopping'), step, metric, gpus(run, nodes), run.reason);
  }
  if (run.status === 'preparing') return facts(run.reason || t('preparing'));
  if (run.status === 'starting') return facts(t('starting'), run.reason);
  const when = relativeTime(run.endedAt ?? run.createdAt, nowMs);
  if (run.status === 'succeeded') return facts(metric, run.cached && t('cached'), run.model, when);
  return facts(stateWord(run.status), run.exception?.type, run.reason, when);
}

function waitingText(run: Run): string {
  const { waiting } = run;
  if (!waiting) return run.reason || t('waiting');
  return facts(
    waiting.position !== undefined &&
      (waiting.position === 1 ? t('next in line') : t('number {0} in line', waiting.position)),
    waiting.reason,
    waiting.estimatedStart !== undefined && t('about {0}', clockTime(waiting.estimatedStart)),
  );
}

/** `val/accuracy 0.962`: the objective, else the only metric. */
function headValue(run: Run): string | undefined {
  const names = Object.keys(run.metrics);
  const name =
    run.objective && run.objective.metric in run.metrics
      ? run.objective.metric
      : names.length === 1
        ? names[0]
        : undefined;
  return name === undefined ? undefined : `${name} ${formatValue(run.metrics[name]!)}`;
}

/** `2×H100`: what the run holds, with the product's name where the nodes tell it. */
function gpus(run: Run, nodes: Node[]): string | undefined {
  const amount = run.resources.gpu ?? 0;
  if (amount === 0) return undefined;
  const held = nodes.flatMap((node) => node.gpus).find((gpu) => gpu.holder === run.id);
  const product = held?.product.replace(/^NVIDIA\s+/i, '').split(/[\s-]/)[0];
  return `${amount}×${product ?? 'GPU'}`;
}

function runTooltip(run: Run, nowMs: number): string {
  const span = run.startedAt === undefined ? '' : formatSpan((run.endedAt ?? nowMs) - run.startedAt);
  const { resources: wanted } = run;
  const memory = typeof wanted.memory === 'number' ? formatBytes(wanted.memory) : wanted.memory;
  return tooltip(`${run.title} · ${run.id}`, [
    [t('State'), facts(stateWord(run.status), run.reason)],
    [t('Command'), run.command],
    [t('Parameters'), formatParams(run.params)],
    [t('Dataset'), run.dataset ?? ''],
    [t('Resources'), facts(wanted.cpu !== undefined && t('{0} CPU', wanted.cpu), memory)],
    [t('Environment'), run.environment?.label ?? ''],
    [t('Commit'), run.code?.commit ? facts(run.code.commit.slice(0, 12), run.code.changed && t('changed')) : ''],
    [t('Begun'), run.startedAt === undefined ? '' : exactTime(run.startedAt)],
    [t('Duration'), span],
    [t('Error'), run.exception ? `${run.exception.type}: ${run.exception.message}` : ''],
  ]);
}

function isSweepActive(sweep: Sweep): boolean {
  return sweep.status === 'running' || sweep.status === 'paused' || sweep.status === 'stopping';
}

/** A sweep with its trials, which are asked for when it is opened. */
export function sweepRow(sweep: Sweep, items: Collections, nowMs: number): Row {
  const subject = { kind: 'sweep', id: sweep.id } as const;
  return {
    id: `sweep/${sweep.id}`,
    label: sweep.title || sweep.project,
    description: sweepState(sweep, nowMs),
    tooltip: tooltip(`${sweep.title || sweep.project} · ${sweep.id}`, [
      [t('State'), facts(stateWord(sweep.status), sweep.reason)],
      [
        t('Objective'),
        facts(
          sweep.objective.metric,
          sweep.objective.goal === 'minimize' ? t('lower is better') : t('higher is better'),
        ),
      ],
      [t('Sampler'), facts(sweep.sampler, sweep.stopper)],
      [t('Best parameters'), sweep.best ? formatParams(sweep.best.params) : ''],
      [t('Begun'), exactTime(sweep.createdAt)],
    ]),
    icon: sweepIcons[sweep.status],
    context: words(
      'sweep',
      isSweepActive(sweep) ? 'active' : 'ended',
      sweep.status,
      sweep.receipt && 'receipt',
      sweep.best && 'hasBest',
    ),
    subject,
    command: click('slipway.openSweep', subject),
    children: () =>
      [...items('trials', sweep.id).values()]
        .sort((a, b) => a.number - b.number)
        .slice(-listed)
        .map((trial) => trialRow(trial, sweep)),
  };
}

/** `34/60 · best 0.982 · 11 stopped early`. */
export function sweepState(sweep: Sweep, nowMs: number): string {
  const { counts } = sweep;
  const ended = counts.finished + counts.stoppedEarly + counts.stopped + counts.failed;
  return facts(
    sweep.status === 'paused' && t('paused'),
    `${formatCount(ended)}/${formatCount(sweep.trials)}`,
    sweep.best && t('best {0}', formatValue(sweep.best.value)),
    counts.stoppedEarly > 0 && t('{0} stopped early', formatCount(counts.stoppedEarly)),
    counts.failed > 0 && t('{0} failed', formatCount(counts.failed)),
    sweep.status === 'failed' && sweep.reason,
    sweep.endedAt !== undefined && relativeTime(sweep.endedAt, nowMs),
  );
}

function trialRow(trial: Trial, sweep: Sweep): Row {
  const isBest = sweep.best?.trial === trial.number;
  const state =
    trial.status === 'running' && trial.step !== undefined ? t('step {0}', trial.step) : stateWord(trial.status);
  const row: Row = {
    id: `trial/${trial.id}`,
    label: t('trial {0}', trial.number),
    description: facts(
      trial.value !== undefined && formatValue(trial.value),
      isBest && t('best'),
      trial.status !== 'finished' && state,
      formatParams(trial.params),
    ),
    tooltip: tooltip(t('trial {0}', trial.number), [
      ...Object.entries(trial.params).map(([name, value]): [string, string] => [name, String(value)]),
      [t('State'), facts(stateWord(trial.status), trial.reason)],
    ]),
    icon: isBest ? { name: 'star-full', color: 'charts.yellow' } : trialIcons[trial.status],
  };
  if (trial.run === undefined) return row;
  const subject = { kind: 'run', id: trial.run } as const;
  const ended = trial.endedAt !== undefined;
  return {
    ...row,
    subject,
    context: words('run', 'trial', ended ? 'ended' : 'active', trial.status === 'finished' && 'hasModel'),
    command: click('slipway.openRun', subject),
  };
}
