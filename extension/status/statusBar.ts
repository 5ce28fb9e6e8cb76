import * as vscode from 'vscode';
import type { CommandId } from '../commands/ids.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { countRunning } from '../views/runRows.ts';

/** One item: whether the control plane answers, and how many runs are going on. */
export function registerStatusBar({ connection, model }: Services): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('slipway.status', vscode.StatusBarAlignment.Left, 20);
  item.name = 'Slipway';
  const show = () => {
    const { state, version, error } = connection.status;
    const running = countRunning(model.items('runs').values());
    const looks: Record<typeof state, [text: string, says: string, command: CommandId]> = {
      stopped: [
        '$(circle-slash) Slipway',
        error?.message ?? t('The control plane does not run.'),
        'slipway.startServer',
      ],
      starting: ['$(loading~spin) Slipway', t('Starting the control plane…'), 'slipway.showLog'],
      lost: ['$(warning) Slipway', t('The connection is lost. Reconnecting…'), 'slipway.showLog'],
      connected: [
        running > 0 ? `$(sync~spin) Slipway: ${running}` : '$(pass) Slipway',
        running > 0 ? t('{0} running', running) : t('Nothing is running.'),
        'slipway.openDashboard',
      ],
    };
    const [text, says, command] = looks[state];
    item.text = text;
    item.tooltip = version === undefined ? says : `${says}\n${t('Control plane {0}', version)}`;
    item.accessibilityInformation = { label: `Slipway: ${says}` };
    item.command = command;
    item.backgroundColor = state === 'lost' ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
  };
  const stopWatching = connection.listen(show);
  const stopListening = model.listen((topic) => topic === 'runs' && show());
  show();
  item.show();
  return vscode.Disposable.from(item, { dispose: stopWatching }, { dispose: stopListening });
}
