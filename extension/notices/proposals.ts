// Asks a person where one must decide: an alarm proposes to retrain, or needs labels first. Each proposal is asked once in
// a window; it stays on the endpoint's page and in its tree until it is answered.
import * as vscode from 'vscode';
import type { EndpointMonitor } from '../../server/protocol/monitors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';

export function registerProposals(services: Services): vscode.Disposable {
  const { model } = services;
  const asked = new Set<string>();
  const look = () => {
    for (const { endpoint, proposal } of model.items('monitors').values()) {
      if (!proposal || asked.has(proposal.id)) continue;
      asked.add(proposal.id);
      void ask(endpoint, proposal);
    }
  };
  const stop = model.listen((topic) => topic === 'monitors' && look());
  look();
  return { dispose: stop };
}

async function ask(endpoint: string, proposal: NonNullable<EndpointMonitor['proposal']>): Promise<void> {
  const retrain = t('Retrain');
  const open = t('Open Endpoint');
  const notNow = t('Not Now');
  const first = proposal.kind === 'retrain' ? retrain : open;
  const answer = await vscode.window.showWarningMessage(t('{0} drifts: {1}', endpoint, proposal.reason), first, notNow);
  const target = { kind: 'drift', endpoint, proposal: proposal.id };
  if (answer === retrain) await vscode.commands.executeCommand('slipway.retrain', target);
  if (answer === notNow) await vscode.commands.executeCommand('slipway.declineRetraining', target);
  if (answer === open)
    await vscode.commands.executeCommand('slipway.openEndpoint', { kind: 'endpoint', name: endpoint });
}
