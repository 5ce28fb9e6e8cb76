// Our pages in editor tabs: one generic panel for every page of server/protocol/pages.ts. What a page asks is carried by
// bridge.ts. May use client/ and text/; commands open panels, and VS Code brings them back after a reload.
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { isolatedPath, type PageMessage, type PageRoute, parseRoute, routePath } from '../../server/protocol/pages.ts';
import type { Connection } from '../client/connection.ts';
import { t } from '../text/language.ts';
import { PageBridge } from './bridge.ts';
import { contentSecurityPolicy } from './csp.ts';
import { findSource } from './source.ts';
import { type TitledPage, tabTitles } from './titles.ts';
import { pageViewType } from './viewType.ts';

interface OpenPanel extends TitledPage {
  panel: vscode.WebviewPanel;
  bridge: PageBridge;
}

export class Panels {
  private readonly extensionUri: vscode.Uri;
  private readonly connection: Connection;
  private readonly log: vscode.LogOutputChannel;
  private readonly open = new Map<string, OpenPanel>();

  constructor(extensionUri: vscode.Uri, connection: Connection, log: vscode.LogOutputChannel) {
    this.extensionUri = extensionUri;
    this.connection = connection;
    this.log = log;
  }

  /** Shows a page: the panel that has it already, or a new one. */
  show(route: PageRoute, title: string): void {
    const existing = this.open.get(routePath(route));
    if (existing) {
      existing.panel.reveal();
      return;
    }
    // Tabs, scroll positions and a TensorBoard that took seconds to start stay as they are while a panel is hidden.
    const options = { ...this.webviewOptions(), retainContextWhenHidden: true };
    const panel = vscode.window.createWebviewPanel(pageViewType, title, vscode.ViewColumn.Active, options);
    this.attach(panel, route);
  }

  /** Shows the page of a path such as `/run/r1abc`. */
  showPath(path: string): void {
    this.show(parseRoute(path), 'Slipway');
  }

  /** Brings a panel back after a reload; the page's state is its route. */
  restore(panel: vscode.WebviewPanel, state: unknown): void {
    panel.webview.options = this.webviewOptions();
    this.attach(panel, restoredRoute(state));
  }

  /** Ends what open pages hold in the control plane, before the window goes. */
  async dispose(): Promise<void> {
    await Promise.allSettled([...this.open.values()].map(({ bridge }) => bridge.dispose()));
  }

  private attach(panel: vscode.WebviewPanel, route: PageRoute): void {
    const { webview } = panel;
    const key = routePath(route);
    const actions = {
      post: (message: unknown) => void webview.postMessage(message),
      navigate: (to: PageRoute, title: string) => {
        const own = this.open.get(key);
        if (routePath(to) !== key) this.show(to, title);
        else if (own?.panel === panel) {
          own.title = title;
          this.showTitles();
        }
      },
      openSource: (file: string, line: number) => void this.report(openSource(file, line)),
      openExternal: (url: string) => void this.report(openExternal(url)),
      copy: (text: string) => void vscode.env.clipboard.writeText(text),
      save: (name: string, bytes: Uint8Array) => void this.report(saveFile(name, bytes)),
      externalUrl: (url: string) => this.externalUrl(url),
    };
    const bridge = new PageBridge(this.connection, actions, () => route, vscode.env.language);
    this.open.set(key, { panel, bridge, route, title: panel.title });
    this.showTitles();
    webview.onDidReceiveMessage((message: PageMessage) => bridge.receive(message));
    panel.onDidDispose(() => {
      if (this.open.get(key)?.panel === panel) this.open.delete(key);
      this.showTitles();
      void bridge.dispose();
    });
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, 'resources', 'icons', 'page.svg');
    webview.html = this.html(webview);
  }

  private showTitles(): void {
    const pages = [...this.open.values()];
    for (const [index, title] of tabTitles(pages).entries()) {
      const { panel } = pages[index]!;
      if (panel.title !== title) panel.title = title;
    }
  }

  private webviewOptions(): vscode.WebviewOptions {
    const localResourceRoots = [vscode.Uri.joinPath(this.extensionUri, 'dist', 'webview')];
    return { enableScripts: true, localResourceRoots };
  }

  private html(webview: vscode.Webview): string {
    const file = (name: string) =>
      webview.asWebviewUri(vscode.Uri.joinPath(this.extensionUri, 'dist', 'webview', name)).toString();
    const nonce = randomBytes(16).toString('base64url');
    const policy = contentSecurityPolicy(webview.cspSource, nonce, vscode.env.uiKind === vscode.UIKind.Web);
    return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${file('main.css')}">
  <title>Slipway</title>
</head>
<body>
  <div id="app"></div>
  <script type="module" nonce="${nonce}" src="${file('main.js')}"></script>
</body>
</html>`;
  }

  /**
   * The address of a foreign application as the reader's browser reaches it. An editor that forwards ports may name
   * itself in Host: the control plane is told that name, with a path, so that it never gives a cookie there. One that
   * puts a path in front shows ports under its own origin: there the application is isolated (server/api/isolation.ts).
   */
  private async externalUrl(url: string): Promise<string> {
    const local = vscode.Uri.parse(url);
    const external = await vscode.env.asExternalUri(local);
    if (external.authority !== local.authority) {
      const origin = `${external.scheme}://${external.authority}/application`;
      await this.connection.api?.call('registerOrigin', { body: { origin } });
    }
    return external.toString(true) + (external.path === local.path ? '' : isolatedPath);
  }

  private async report(work: Promise<void>): Promise<void> {
    await work.catch((error: Error) => {
      this.log.error(error);
      void vscode.window.showErrorMessage(error.message);
    });
  }
}

async function openSource(file: string, line: number): Promise<void> {
  const folders = (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const found = await findSource(file, folders);
  if (found === undefined)
    throw new Error(t('{0} is not in an open folder. Open the folder that it belongs to.', file));
  const at = new vscode.Position(Math.max(0, line - 1), 0);
  await vscode.window.showTextDocument(vscode.Uri.file(found), { selection: new vscode.Range(at, at) });
}

/** Asks where to, beside what the window has open. A page names files, not folders. */
async function saveFile(name: string, bytes: Uint8Array): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const base = name.replace(/[/\\]/g, '-');
  const options = folder ? { defaultUri: vscode.Uri.joinPath(folder, base) } : {};
  const target = await vscode.window.showSaveDialog(options);
  if (target) await vscode.workspace.fs.writeFile(target, bytes);
}

async function openExternal(url: string): Promise<void> {
  const uri = vscode.Uri.parse(url, true);
  if (uri.scheme !== 'http' && uri.scheme !== 'https') throw new Error(t('{0} is no web address.', url));
  await vscode.env.openExternal(uri);
}

/** The route that a page kept; what is not one is the home page. */
function restoredRoute(state: unknown): PageRoute {
  try {
    return parseRoute(routePath(state as PageRoute) ?? '');
  } catch {
    return { page: 'home' };
  }
}
