// Entry of the extension. Activation registers what VS Code may ask for at once (commands, panels to bring back, files,
// links) and returns; the container, with everything else, is loaded right after. No process is started: a control plane
// that runs is looked for, one is started when a person first uses a view or a command.
import * as vscode from 'vscode';
import { commandIds } from './commands/ids.ts';
import type { Container } from './container.ts';
import { scheme } from './files/address.ts';
import { DatasetFileSystem } from './files/fileSystem.ts';
import { pageViewType } from './panels/viewType.ts';
import { useLanguage } from './text/language.ts';
import { showTrees } from './views/shownTrees.ts';

let loading: Promise<Container> | undefined;

/** @returns the way to the container, for tests inside the extension host only */
export function activate(context: vscode.ExtensionContext): { container: () => Promise<Container> } | undefined {
  useLanguage({ translate: (message, ...args) => vscode.l10n.t(message, ...args), locale: vscode.env.language });
  const trees = showTrees();
  const container = () => {
    loading ??= import('./container.ts').then(({ build }) => build(context, trees));
    return loading;
  };
  for (const id of commandIds) {
    const command = vscode.commands.registerCommand(id, async (target: unknown, selection: unknown) =>
      (await container()).perform(id, target, selection),
    );
    context.subscriptions.push(command);
  }
  const fileSystem = new DatasetFileSystem(async () => (await container()).services);
  context.subscriptions.push(
    vscode.window.registerWebviewPanelSerializer(pageViewType, {
      deserializeWebviewPanel: async (panel, state) => (await container()).services.panels.restore(panel, state),
    }),
    vscode.workspace.registerFileSystemProvider(scheme, fileSystem, { isReadonly: true, isCaseSensitive: true }),
    // `vscode://slipway.slipway/run/r1abc` opens that page: links from a terminal, a chat or a receipt.
    vscode.window.registerUriHandler({
      handleUri: async (uri) => (await container()).services.panels.showPath(uri.path),
    }),
  );
  const tasks = async () => (await container()).tasks;
  context.subscriptions.push(
    vscode.tasks.registerTaskProvider('slipway', {
      provideTasks: async (token) => (await tasks()).provideTasks(token),
      resolveTask: async (task, token) => (await tasks()).resolveTask(task, token),
    }),
  );
  setImmediate(() => void container());
  return context.extensionMode === vscode.ExtensionMode.Test ? { container } : undefined;
}

/** Ends what this window's panels hold (their TensorBoards). The control plane and everything it runs go on. */
export async function deactivate(): Promise<void> {
  await (await loading)?.close();
}
