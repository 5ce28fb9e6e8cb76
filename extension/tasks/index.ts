// Tasks of VS Code: the steps of each slipway.yaml, to be run from the task list, by a key or before other tasks. Their
// terminal shows what the run prints. May use client/, commands/projects.ts and text/; main.ts registers them.
import path from 'node:path';
import * as vscode from 'vscode';
import { parseSlipwayFile } from '../../server/protocol/parseSlipwayFile.ts';
import type { SlipwayFile } from '../../server/protocol/slipwayFile.ts';
import { projectFileName, projectFolders, requireTrust } from '../commands/projects.ts';
import type { Services } from '../services.ts';
import { StepTerminal } from './stepTerminal.ts';
import type { TaskStep } from './taskStep.ts';

/** As package.json defines it. */
type Definition = TaskStep & {
  type: 'slipway';
  /** Of the slipway.yaml, below the workspace folder. */
  folder?: string;
};

export function createTaskProvider(services: Services): vscode.TaskProvider {
  const taskOf = (definition: Definition, workspace: vscode.WorkspaceFolder, project: string) => {
    const { run, stage } = definition;
    const folder = path.join(workspace.uri.fsPath, definition.folder ?? '');
    const name = `${stage ?? run} ${project}`;
    const execution = new vscode.CustomExecution(async () => {
      requireTrust();
      return new StepTerminal(services.connection, folder, definition);
    });
    const task = new vscode.Task(definition, workspace, name, 'slipway', execution, []);
    if (stage !== undefined) task.group = vscode.TaskGroup.Build;
    task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: true };
    return task;
  };

  return {
    async provideTasks() {
      const tasks: vscode.Task[] = [];
      for (const folder of await projectFolders()) {
        const uri = vscode.Uri.file(folder);
        const workspace = vscode.workspace.getWorkspaceFolder(uri);
        const text = await vscode.workspace.fs.readFile(vscode.Uri.joinPath(uri, projectFileName));
        const { file } = parseSlipwayFile(Buffer.from(text).toString());
        if (!workspace || !file) continue;
        const below = path.relative(workspace.uri.fsPath, folder);
        for (const step of stepsOf(file)) {
          const definition: Definition = { type: 'slipway', ...step, ...(below === '' ? {} : { folder: below }) };
          tasks.push(taskOf(definition, workspace, file.project));
        }
      }
      return tasks;
    },
    resolveTask({ definition, scope }) {
      if (typeof scope !== 'object') return undefined;
      const { folder } = definition as unknown as Definition;
      return taskOf(definition as unknown as Definition, scope, path.basename(folder ?? scope.uri.fsPath));
    },
  };
}

function stepsOf(file: SlipwayFile): TaskStep[] {
  return [
    { run: 'pipeline' },
    ...(file.train ? [{ run: 'train' } as const] : []),
    ...Object.keys(file.stages).map((stage) => ({ run: 'stage', stage }) as const),
  ];
}
