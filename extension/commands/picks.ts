import * as vscode from 'vscode';
import type { Endpoint, ModelVersion, Rollout, Run, Sweep } from '../../server/protocol/entities.ts';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { formatValue } from '../text/number.ts';
import { relativeTime } from '../text/time.ts';
import { endpointState, rolloutState } from '../views/endpointRows.ts';
import { headMetric } from '../views/modelRows.ts';
import { facts, type Row } from '../views/row.ts';
import { runState, sweepState } from '../views/runRows.ts';
import { chosen, subjectOf } from './table.ts';

/** The run a command is about: the one it was called on, else one of those that fit, newest first. */
export async function pickRun(
  services: Services,
  target: unknown,
  fits: (run: Run) => boolean,
  placeHolder: string,
): Promise<string> {
  const called = subjectOf(target, 'run');
  if (called) return called.id;
  const [runs, nodes] = await Promise.all([services.model.loaded('runs'), services.model.loaded('nodes')]);
  const fitting = runs.filter(fits).sort((a, b) => b.createdAt - a.createdAt);
  const items = fitting.map((run) => ({
    label: run.title,
    description: runState(run, nodes, Date.now()),
    detail: run.id,
    value: run.id,
  }));
  return pick(items, placeHolder, t('No run fits.'));
}

/** The runs among the rows that are selected in the tree. */
export function selectedRuns(selection: unknown): string[] {
  const selected = Array.isArray(selection) ? (selection as Row[]) : [];
  return selected.map((row) => subjectOf(row, 'run')?.id).filter((id) => id !== undefined);
}

/** The runs of a selection in the tree, or the one that is picked. */
export async function pickRuns(
  services: Services,
  target: unknown,
  selection: unknown,
  placeHolder: string,
): Promise<string[]> {
  const ids = selectedRuns(selection);
  if (ids.length > 1) return ids;
  return [await pickRun(services, target, (run) => run.startedAt !== undefined, placeHolder)];
}

export async function pickSweep(
  services: Services,
  target: unknown,
  fits: (sweep: Sweep) => boolean,
  placeHolder: string,
): Promise<string> {
  const called = subjectOf(target, 'sweep');
  if (called) return called.id;
  const sweeps = (await services.model.loaded('sweeps')).filter(fits).sort((a, b) => b.createdAt - a.createdAt);
  const items = sweeps.map((sweep) => ({
    label: sweep.title || sweep.project,
    description: sweepState(sweep, Date.now()),
    detail: sweep.id,
    value: sweep.id,
  }));
  return pick(items, placeHolder, t('No sweep fits.'));
}

export async function pickModelVersion(
  services: Services,
  target: unknown,
  placeHolder: string,
): Promise<{ name: string; version: number }> {
  const called = subjectOf(target, 'modelVersion');
  if (called) return called;
  const within = subjectOf(target, 'model')?.name;
  const versions = (await services.model.loaded('modelVersions'))
    .filter((version) => within === undefined || version.model === within)
    .sort((a, b) => b.createdAt - a.createdAt);
  const items = versions.map((version) => ({
    label: `${version.model} v${version.version}`,
    description: describeVersion(version),
    value: { name: version.model, version: version.version },
  }));
  return pick(items, placeHolder, t('There is no model version yet: validate a run first.'));
}

export async function pickEndpoint(services: Services, target: unknown, placeHolder: string): Promise<Endpoint> {
  const endpoints = await services.model.loaded('endpoints');
  const called = subjectOf(target, 'endpoint')?.name ?? rolloutEndpoint(services, target);
  const found = endpoints.find((endpoint) => endpoint.name === called);
  if (found) return found;
  const items = endpoints.map((endpoint) => ({
    label: endpoint.name,
    description: endpointState(endpoint),
    value: endpoint,
  }));
  return pick(items, placeHolder, t('There is no endpoint yet: roll out a model version first.'));
}

export async function pickRollout(
  services: Services,
  target: unknown,
  fits: (rollout: Rollout) => boolean,
  placeHolder: string,
): Promise<string> {
  const called = subjectOf(target, 'rollout');
  if (called) return called.id;
  const within = subjectOf(target, 'endpoint')?.name;
  const rollouts = (await services.model.loaded('rollouts')).filter(
    (rollout) => fits(rollout) && (within === undefined || rollout.endpoint === within),
  );
  const items = rollouts.map((rollout) => ({
    label: facts(rollout.endpoint, rollout.to),
    description: rolloutState(rollout, Date.now()),
    value: rollout.id,
  }));
  return pick(items, placeHolder, t('No rollout fits.'));
}

/** The open proposal a command is about; only one that can be accepted, where it is to be. */
export async function pickProposal(
  services: Services,
  target: unknown,
  toAccept: boolean,
  placeHolder: string,
): Promise<{ endpoint: string; proposal: string }> {
  const called = subjectOf(target, 'drift');
  const items = (await services.model.loaded('monitors')).flatMap(({ endpoint, proposal }) => {
    if (!proposal || (called && called.endpoint !== endpoint)) return [];
    // Another proposal than the one that was shown is another question.
    if ((called?.proposal && called.proposal !== proposal.id) || (toAccept && proposal.kind !== 'retrain')) return [];
    return [{ label: endpoint, detail: proposal.reason, value: { endpoint, proposal: proposal.id } }];
  });
  return pick(items, placeHolder, t('No proposal is open.'));
}

export async function pickDatasetVersion(
  services: Services,
  target: unknown,
  placeHolder: string,
): Promise<{ name: string; version: number }> {
  const called = subjectOf(target, 'datasetVersion', 'datasetFile');
  if (called) return called;
  const within = subjectOf(target, 'dataset')?.name;
  const versions = (await services.model.loaded('datasetVersions'))
    .filter((version) => within === undefined || version.dataset === within)
    .sort((a, b) => b.createdAt - a.createdAt);
  const items = versions.map((version) => ({
    label: `${version.dataset} v${version.version}`,
    description: relativeTime(version.createdAt, Date.now()),
    value: { name: version.dataset, version: version.version },
  }));
  return pick(items, placeHolder, t('There is no dataset version yet.'));
}

/** Asks before something that cannot be taken back. @throws Cancelled */
export async function confirm(question: string, detail: string, action: string): Promise<void> {
  chosen(await vscode.window.showWarningMessage(question, { modal: true, detail }, action));
}

/** One entry is no question. */
async function pick<T>(
  items: (vscode.QuickPickItem & { value: T })[],
  placeHolder: string,
  nothing: string,
): Promise<T> {
  if (items.length === 0) throw new SlipwayError('editor.nothingToPick', nothing);
  if (items.length === 1) return items[0]!.value;
  const options = { placeHolder, matchOnDescription: true, matchOnDetail: true };
  return chosen(await vscode.window.showQuickPick(items, options)).value;
}

function rolloutEndpoint(services: Services, target: unknown): string | undefined {
  const rollout = subjectOf(target, 'rollout');
  return rollout && services.model.items('rollouts').get(rollout.id)?.endpoint;
}

function describeVersion(version: ModelVersion): string {
  const metric = headMetric(version.metrics);
  return facts(...version.aliases, metric && `${metric[0]} ${formatValue(metric[1])}`);
}
