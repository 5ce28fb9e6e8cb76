// Builds everything and is the only place that knows everyone. Called once, right after activation, by main.ts; what it
// makes lives until the window closes. Nothing here waits for the control plane.
import * as vscode from 'vscode';
import { Connection } from './client/connection.ts';
import { createCommands, type Perform } from './commands/index.ts';
import { createDatasetFiles } from './files/datasetFiles.ts';
import { LiveModel } from './model/liveModel.ts';
import { registerProposals } from './notices/proposals.ts';
import { Panels } from './panels/panels.ts';
import { dataFolder } from './server/dataFolder.ts';
import { createEmbeddedServer } from './server/embedded.ts';
import type { Services } from './services.ts';
import { registerStatusBar } from './status/statusBar.ts';
import { createTaskProvider } from './tasks/index.ts';
import { t, useLanguage } from './text/language.ts';
import { registerViews } from './views/index.ts';
import type { ShownTree, ViewId } from './views/shownTrees.ts';
import { registerYaml } from './yaml/index.ts';

export interface Container {
  services: Services;
  perform: Perform;
  tasks: vscode.TaskProvider;
  /** Ends the pages' work in the control plane before the window closes. */
  close(): Promise<void>;
}

/** Makes the services and registers everything. */
export function build(context: vscode.ExtensionContext, trees: Record<ViewId, ShownTree>): Container {
  // A bundle of its own has its own copy of the language, too.
  useLanguage({ translate: (message, ...args) => vscode.l10n.t(message, ...args), locale: vscode.env.language });
  const log = vscode.window.createOutputChannel('Slipway', { log: true });
  const setting = vscode.workspace.getConfiguration('slipway').get<string>('dataFolder', '');
  const folder = dataFolder(setting, process.env, process.platform);
  const embedded = createEmbeddedServer({
    folder,
    source: context.extensionPath,
    version: String((context.extension.packageJSON as { version: string }).version),
    isDevelopment: context.extensionMode !== vscode.ExtensionMode.Production,
    log: (message) => log.info(message),
  });
  const connection = new Connection(embedded, log);
  const model = new LiveModel(connection, log);
  const panels = new Panels(context.extensionUri, connection, log);
  const files = createDatasetFiles(connection);
  const services: Services = { extensionUri: context.extensionUri, folder, log, connection, model, files, panels };

  context.subscriptions.push(
    log,
    { dispose: () => model.dispose() },
    { dispose: () => connection.dispose() },
    registerViews(services, trees),
    registerStatusBar(services),
    registerProposals(services),
    registerYaml(),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('slipway.dataFolder')) void offerReload();
    }),
  );
  void connection.attach();
  return {
    services,
    perform: createCommands(services),
    tasks: createTaskProvider(services),
    close: () => panels.dispose(),
  };
}

/** Another data folder is another control plane: everything shown would have to be made anew. */
async function offerReload(): Promise<void> {
  const reload = t('Reload Window');
  const text = t('The data folder of Slipway is used after the window is loaded again.');
  const answer = await vscode.window.showInformationMessage(text, reload);
  if (answer === reload) await vscode.commands.executeCommand('workbench.action.reloadWindow');
}
