import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Rollout } from '../../server/protocol/entities.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { isGoingOn } from '../views/modelRows.ts';
import { confirm, pickEndpoint, pickModelVersion, pickProposal, pickRollout } from './picks.ts';
import { requireTrust } from './projects.ts';
import type { Commands } from './table.ts';

export function endpointCommands(
  services: Services,
): Commands<
  | 'slipway.rollOut'
  | 'slipway.rollBack'
  | 'slipway.pauseRollout'
  | 'slipway.resumeRollout'
  | 'slipway.promoteRollout'
  | 'slipway.abortRollout'
  | 'slipway.openEndpoint'
  | 'slipway.copyEndpointUrl'
  | 'slipway.retrain'
  | 'slipway.declineRetraining'
> {
  const { connection, panels } = services;
  const showEndpoint = (name: string) => panels.show({ page: 'endpoint', name }, name);

  async function change(
    target: unknown,
    action: 'pause' | 'resume' | 'promote' | 'abort',
    fits: (rollout: Rollout) => boolean,
    question: string,
  ): Promise<void> {
    const api = await connection.use();
    const id = await pickRollout(services, target, fits, question);
    await api.call('changeRollout', { params: { id }, body: { action } });
  }

  async function answer(target: unknown, accept: boolean, placeHolder: string): Promise<void> {
    const api = await connection.use();
    const { endpoint, proposal } = await pickProposal(services, target, accept, placeHolder);
    await api.call('answerProposal', { params: { name: endpoint }, body: { proposal, accept } });
    if (accept) showEndpoint(endpoint);
  }

  return {
    async 'slipway.rollOut'(target) {
      requireTrust();
      const api = await connection.use();
      const { name, version } = await pickModelVersion(services, target, t('Roll out which model version?'));
      const rollout = await api.call('startRollout', {
        body: { model: `${name}@v${version}`, requestId: randomUUID() },
      });
      showEndpoint(rollout.endpoint);
    },
    async 'slipway.rollBack'(target) {
      const api = await connection.use();
      const { name } = await pickEndpoint(services, target, t('Roll back which endpoint?'));
      await confirm(
        t('Roll {0} back to the model version before?', name),
        t('All traffic goes back at once, without steps.'),
        t('Roll Back'),
      );
      await api.call('rollBack', { params: { name }, body: {} });
      showEndpoint(name);
    },
    'slipway.pauseRollout': (target) =>
      change(
        target,
        'pause',
        ({ status }) => status === 'starting' || status === 'stepping',
        t('Pause which rollout?'),
      ),
    'slipway.resumeRollout': (target) =>
      change(target, 'resume', ({ status }) => status === 'paused', t('Resume which rollout?')),
    async 'slipway.promoteRollout'(target) {
      await confirm(
        t('Send all traffic to the new model version now?'),
        t('The remaining steps and their analysis are skipped.'),
        t('Promote'),
      );
      await change(target, 'promote', isGoingOn, t('Promote which rollout?'));
    },
    'slipway.abortRollout': (target) => change(target, 'abort', isGoingOn, t('Abort which rollout?')),
    async 'slipway.openEndpoint'(target) {
      await connection.use();
      showEndpoint((await pickEndpoint(services, target, t('Open which endpoint?'))).name);
    },
    'slipway.retrain': (target) => answer(target, true, t('Retrain for which endpoint?')),
    'slipway.declineRetraining': (target) => answer(target, false, t('Decline the proposal of which endpoint?')),
    async 'slipway.copyEndpointUrl'(target) {
      await connection.use();
      const { url } = await pickEndpoint(services, target, t('Copy the address of which endpoint?'));
      await vscode.env.clipboard.writeText(url);
      vscode.window.setStatusBarMessage(t('Copied {0}', url), 3000);
    },
  };
}
