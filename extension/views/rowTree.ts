import * as vscode from 'vscode';
import type { Row } from './row.ts';

/**
 * A tree of rows; what changes is drawn by replacing the rows, and the tree keeps what is open by their ids. It may be
 * shown before what its rows come from is loaded: until `attach` it shows that it is loading.
 */
export class RowTree implements vscode.TreeDataProvider<Row> {
  private readonly roots: Promise<() => Row[]>;
  /** Says where the rows come from, once. */
  attach: (roots: () => Row[]) => void = () => {};
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor() {
    this.roots = new Promise((resolve) => {
      this.attach = resolve;
    });
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(row?: Row): Promise<Row[]> {
    return row ? ((await row.children?.()) ?? []) : (await this.roots)();
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(row.label, row.children ? (row.expanded ? Expanded : Collapsed) : None);
    item.id = row.id;
    if (row.description) item.description = row.description;
    if (row.tooltip) item.tooltip = new vscode.MarkdownString(row.tooltip);
    if (row.icon) item.iconPath = themeIcon(row.icon);
    if (row.context) item.contextValue = row.context;
    if (row.command) item.command = { command: row.command.id, title: row.label, arguments: row.command.arguments };
    return item;
  }
}

function themeIcon({ name, color }: NonNullable<Row['icon']>): vscode.ThemeIcon {
  return new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
}
