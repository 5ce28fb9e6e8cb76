import path from 'node:path';
import * as vscode from 'vscode';
import { SlipwayError } from '../../server/protocol/errors.ts';
import { requireSlipwayFile } from '../../server/protocol/parseSlipwayFile.ts';
import type { SlipwayFile } from '../../server/protocol/slipwayFile.ts';
import { t } from '../text/language.ts';
import { chosen, subjectOf } from './table.ts';

const foundProjects = 100;
export const projectFileName = 'slipway.yaml';

export interface Project {
  /** Absolute path. */
  folder: string;
  file: SlipwayFile;
}

/**
 * The project a command is about: the one it was called on, the only one that is open, else the one that is picked.
 * Its slipway.yaml is saved first, and must be right.
 * @throws SlipwayError when no project is open, its file is wrong, or the workspace is not trusted
 */
export async function pickProject(target: unknown): Promise<Project> {
  requireTrust();
  const folder = subjectOf(target, 'folder')?.folder ?? (await pickProjectFolder());
  const uri = vscode.Uri.file(path.join(folder, projectFileName));
  const document = await vscode.workspace.openTextDocument(uri);
  if (document.isDirty) await document.save();
  return { folder, file: requireSlipwayFile(document.getText()) };
}

/** The open folders with a slipway.yaml. */
export async function projectFolders(): Promise<string[]> {
  const excluded = '**/{node_modules,.git,.venv,venv,.slipway}/**';
  const files = await vscode.workspace.findFiles(`**/${projectFileName}`, excluded, foundProjects);
  return files.map((file) => path.dirname(file.fsPath)).sort();
}

/** Code of the workspace runs only where the person trusts it. */
export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new SlipwayError(
    'editor.untrusted',
    t('This workspace is not trusted, so nothing of it is run.'),
    t('"Workspaces: Manage Workspace Trust" changes that.'),
  );
}

async function pickProjectFolder(): Promise<string> {
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active?.scheme === 'file' && path.basename(active.fsPath) === projectFileName) return path.dirname(active.fsPath);
  const folders = await projectFolders();
  if (folders.length === 0) {
    throw new SlipwayError(
      'editor.noProject',
      t('No open folder has a slipway.yaml.'),
      t('Open a folder with one, or begin with "Slipway: Open Example".'),
    );
  }
  if (folders.length === 1) return folders[0]!;
  const items = folders.map((folder) => ({
    label: path.basename(folder),
    description: vscode.workspace.asRelativePath(folder),
    folder,
  }));
  return chosen(await vscode.window.showQuickPick(items, { placeHolder: t('Which project?') })).folder;
}
