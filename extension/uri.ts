import * as vscode from 'vscode';
import { parseRoute } from '../server/protocol/pages.ts';
import type { Services } from './services.ts';

/** `vscode://slipway.slipway/run/r1abc` opens that page: links from a terminal, a chat or a receipt. */
export function registerUriHandler({ panels }: Services): vscode.Disposable {
  return vscode.window.registerUriHandler({
    handleUri: (uri) => panels.show(parseRoute(uri.path), 'Slipway'),
  });
}
