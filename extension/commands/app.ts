import { cp, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { type Commands, chosen } from './table.ts';

export function appCommands(
  services: Services,
): Commands<
  | 'slipway.openExample'
  | 'slipway.openDashboard'
  | 'slipway.openInBrowser'
  | 'slipway.startServer'
  | 'slipway.restartServer'
  | 'slipway.showLog'
> {
  const { connection, panels, log, extensionUri } = services;
  return {
    async 'slipway.openExample'(target) {
      const parent = target instanceof vscode.Uri ? target : await pickParent();
      const folder = await freeFolder(path.join(parent.fsPath, 'digits'));
      const example = vscode.Uri.joinPath(extensionUri, 'resources', 'examples', 'digits').fsPath;
      await cp(example, folder, { recursive: true, filter: (file) => !/__pycache__|\.pyc$/.test(file) });
      const isEmptyWindow = (vscode.workspace.workspaceFolders ?? []).length === 0;
      await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(folder), {
        forceNewWindow: !isEmptyWindow,
      });
    },
    async 'slipway.openDashboard'() {
      await connection.use();
      panels.show({ page: 'home' }, 'Slipway');
    },
    async 'slipway.openInBrowser'() {
      const api = await connection.use();
      const local = vscode.Uri.parse(api.address.url);
      const external = await vscode.env.asExternalUri(local);
      if (external.path.replace(/\/$/, '') !== '') throw sharedOrigin();
      const origin = `${external.scheme}://${external.authority}`;
      if (external.authority !== local.authority) await api.call('registerOrigin', { body: { origin } });
      const ticket = new URL((await api.call('createTicket', { body: {} })).url);
      const shown = `${origin}${ticket.pathname}${ticket.search}${ticket.hash}`;
      await vscode.env.openExternal(vscode.Uri.parse(shown));
    },
    async 'slipway.startServer'() {
      await connection.use();
    },
    async 'slipway.restartServer'() {
      await connection.restart();
    },
    'slipway.showLog': () => log.show(),
  };
}

/** An editor that puts all ports under its own origin would let every port's page act with our cookie. */
function sharedOrigin(): SlipwayError {
  return new SlipwayError(
    'editor.sharedOrigin',
    t('This editor reaches the pages under an address that other programs share, where they would not be safe.'),
    t('"Slipway: Open Dashboard" shows the same pages in the editor.'),
  );
}

async function pickParent(): Promise<vscode.Uri> {
  const options = { canSelectFolders: true, canSelectFiles: false, openLabel: t('Put the Example Here') };
  return chosen(await vscode.window.showOpenDialog(options))[0]!;
}

/** The folder itself if there is none or an empty one, else the first `-2`, `-3`, … that is free. */
async function freeFolder(wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}-${number}`;
    const exists = await stat(folder).then(
      () => true,
      () => false,
    );
    if (!exists || (await readdir(folder).catch(() => ['a file'])).length === 0) return folder;
  }
}
