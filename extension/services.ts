import type * as vscode from 'vscode';
import type { Connection } from './client/connection.ts';
import type { DatasetFiles } from './files/datasetFiles.ts';
import type { LiveModel } from './model/liveModel.ts';
import type { Panels } from './panels/panels.ts';

/** What commands and editors features work with; the container makes it. */
export interface Services {
  extensionUri: vscode.Uri;
  /** The data folder of the embedded control plane. */
  folder: string;
  log: vscode.LogOutputChannel;
  connection: Connection;
  model: LiveModel;
  files: DatasetFiles;
  panels: Panels;
}
