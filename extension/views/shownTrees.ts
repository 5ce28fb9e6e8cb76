import * as vscode from 'vscode';
import type { Row } from './row.ts';
import { RowTree } from './rowTree.ts';

/** The views of package.json, in their order. */
export const viewIds = [
  'slipway.datasets',
  'slipway.models',
  'slipway.runs',
  'slipway.endpoints',
  'slipway.cluster',
] as const;
export type ViewId = (typeof viewIds)[number];

/** A view as VS Code shows it, and what feeds it. */
export interface ShownTree {
  provider: RowTree;
  tree: vscode.TreeView<Row>;
}

/** Makes the trees at activation, so that a view that is looked at shows progress instead of "no data provider". */
export function showTrees(): Record<ViewId, ShownTree> {
  const shown = viewIds.map((id) => {
    const provider = new RowTree();
    const canSelectMany = id === 'slipway.runs';
    const tree = vscode.window.createTreeView(id, { treeDataProvider: provider, showCollapseAll: true, canSelectMany });
    return [id, { provider, tree }] as const;
  });
  return Object.fromEntries(shown) as Record<ViewId, ShownTree>;
}
