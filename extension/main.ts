// Entry of the extension. Activation builds the container and returns: it starts no process and waits for nothing. A
// control plane that runs is looked for afterwards; one is started when a person first uses a view or a command.
import * as vscode from 'vscode';
import { build, type Container } from './container.ts';
import type { Services } from './services.ts';
import { useLanguage } from './text/language.ts';

let container: Container | undefined;

/** @returns the services, for tests inside the extension host only */
export function activate(context: vscode.ExtensionContext): Services | undefined {
  useLanguage({ translate: (message, ...args) => vscode.l10n.t(message, ...args), locale: vscode.env.language });
  container = build(context);
  return context.extensionMode === vscode.ExtensionMode.Test ? container.services : undefined;
}

/** Ends what this window's panels hold (their TensorBoards). The control plane and everything it runs go on. */
export async function deactivate(): Promise<void> {
  await container?.close();
}
