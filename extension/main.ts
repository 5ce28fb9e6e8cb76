// Entry of the extension. Activation builds the container and returns: it starts no process and waits for nothing. A
// control plane that runs is looked for afterwards; one is started when a person first uses a view or a command.
import * as vscode from 'vscode';
import { build } from './container.ts';
import { useLanguage } from './text/language.ts';

let container: ReturnType<typeof build> | undefined;

export function activate(context: vscode.ExtensionContext): void {
  useLanguage({ translate: (message, ...args) => vscode.l10n.t(message, ...args), locale: vscode.env.language });
  container = build(context);
}

/** Ends what this window's panels hold (their TensorBoards). The control plane and everything it runs go on. */
export async function deactivate(): Promise<void> {
  await container?.close();
}
