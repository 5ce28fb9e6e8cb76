import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Sweep, SweepEstimate } from '../../server/protocol/entities.ts';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { formatValue } from '../text/number.ts';
import { confirm, pickSweep } from './picks.ts';
import { pickProject } from './projects.ts';
import { type Commands, chosen } from './table.ts';

export function sweepCommands(
  services: Services,
): Commands<
  | 'slipway.startSweep'
  | 'slipway.pauseSweep'
  | 'slipway.resumeSweep'
  | 'slipway.extendSweep'
  | 'slipway.stopSweep'
  | 'slipway.openSweep'
> {
  const { connection, model, panels } = services;
  const isRunning = ({ status }: Sweep) => status === 'running';
  return {
    async 'slipway.startSweep'(target) {
      const { folder, file } = await pickProject(target);
      if (!file.sweep) {
        throw new SlipwayError(
          'editor.noSweep',
          t('The slipway.yaml of {0} has no `sweep`.', file.project),
          t('Add it, with the ranges to search under `space`.'),
        );
      }
      const api = await connection.use();
      const estimate = await api.call('estimateSweep', { body: { folder, trials: file.sweep.trials } });
      const trials = await askTrials(`${t('How many trials?')} ${estimateText(estimate)}`, file.sweep.trials);
      const sweep = await api.call('startSweep', { body: { folder, trials, requestId: randomUUID() } });
      panels.show({ page: 'sweep', id: sweep.id }, sweep.title || sweep.project);
    },
    async 'slipway.pauseSweep'(target) {
      const api = await connection.use();
      const id = await pickSweep(services, target, isRunning, t('Pause which sweep?'));
      await api.call('changeSweep', { params: { id }, body: { action: 'pause' } });
    },
    async 'slipway.resumeSweep'(target) {
      const api = await connection.use();
      const id = await pickSweep(services, target, ({ status }) => status === 'paused', t('Resume which sweep?'));
      await api.call('changeSweep', { params: { id }, body: { action: 'resume' } });
    },
    async 'slipway.extendSweep'(target) {
      const api = await connection.use();
      const id = await pickSweep(services, target, () => true, t('Extend which sweep?'));
      const trials = await askTrials(t('How many more trials?'), 10);
      await api.call('changeSweep', { params: { id }, body: { action: 'extend', trials } });
    },
    async 'slipway.stopSweep'(target) {
      const api = await connection.use();
      const fits = (sweep: Sweep) => isRunning(sweep) || sweep.status === 'paused';
      const id = await pickSweep(services, target, fits, t('Stop which sweep?'));
      const sweep = model.items('sweeps').get(id);
      await confirm(
        t('Stop the sweep {0}?', sweep?.title || id),
        t('Its running trials are stopped and no more are begun. What it found is kept; it can be extended later.'),
        t('Stop'),
      );
      await api.call('changeSweep', { params: { id }, body: { action: 'stop' } });
    },
    async 'slipway.openSweep'(target) {
      await connection.use();
      const id = await pickSweep(services, target, () => true, t('Open which sweep?'));
      panels.show({ page: 'sweep', id }, model.items('sweeps').get(id)?.title || t('Sweep'));
    },
  };
}

/** What so many trials take, against what the policy leaves of it. */
function estimateText({ trials, gpuHours, cpuHours, left }: SweepEstimate): string {
  if (gpuHours === null || cpuHours === null) return t('How long one takes is not known yet.');
  const unlimited = left.gpuHours === null && left.cpuHours === null;
  const taken = t(
    '{0} take about {1} GPU hours and {2} CPU hours;',
    trials,
    formatValue(gpuHours),
    formatValue(cpuHours),
  );
  if (unlimited) return `${taken} ${t('nothing limits them.')}`;
  const hours = (value: number | null) => (value === null ? '∞' : formatValue(value));
  return `${taken} ${t('{0} GPU hours and {1} CPU hours are left.', hours(left.gpuHours), hours(left.cpuHours))}`;
}

async function askTrials(prompt: string, suggested: number): Promise<number> {
  const validateInput = (text: string) => (/^[1-9]\d{0,5}$/.test(text) ? undefined : t('A whole number from 1 on.'));
  return Number(chosen(await vscode.window.showInputBox({ prompt, value: String(suggested), validateInput })));
}
