// With the real control plane, which the first command starts.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { datasetFileUri } from '../../../extension/files/fileSystem.ts';
import type { Services } from '../../../extension/services.ts';
import { datasetRows } from '../../../extension/views/datasetRows.ts';
import { runRows } from '../../../extension/views/runRows.ts';
import { activated, container, folderWith, linesOf, waitFor } from './support.ts';

function pidOf({ folder }: Services): number {
  return (JSON.parse(readFileSync(path.join(folder, 'server.json'), 'utf8')) as { pid: number }).pid;
}

describe('control plane', () => {
  let services: Services;
  const datasets = () => linesOf(datasetRows(services.model.items, services.files, Date.now()));
  const runs = () => linesOf(runRows(services.model.items, Date.now()));
  const seen = (what: string, lines: () => Promise<string[]>) =>
    waitFor(what, async () => (await lines()).find((line) => line.includes(what)));

  before(async () => {
    services = await activated();
  });
  after(() => process.kill(pidOf(services), 'SIGTERM'));

  it('starts on first use, from its own copy, and writes what others find it by', async () => {
    await vscode.commands.executeCommand('slipway.startServer');
    assert.equal(services.connection.status.state, 'connected');
    const { folder } = services;
    assert.equal(statSync(path.join(folder, 'token')).mode & 0o777, 0o600);
    if (process.platform === 'linux') {
      const commandLine = readFileSync(`/proc/${pidOf(services)}/cmdline`, 'utf8');
      assert.ok(commandLine.includes(path.join(folder, 'versions')), commandLine);
    }
    const listed = execFileSync(path.join(folder, 'bin/slipway'), ['run', 'list', '--data', folder, '--json'], {
      encoding: 'utf8',
    });
    assert.doesNotThrow(() => JSON.parse(listed));
  });

  it('a dataset version appears in the tree; its files are files of the editor, to read and compare', async () => {
    const folder = await folderWith({ 'a/one.txt': 'one', 'a/two words ü.txt': 'two', 'b.txt': 'b' });
    const api = await services.connection.use();
    const add = () => api.call('addDatasetVersion', { body: { name: 'letters', path: folder } });
    await add();
    await seen('letters  v1 · 3 files', datasets);
    const uri = (version: number, file: string) => datasetFileUri('letters', version, file);
    const read = async (at: vscode.Uri) => Buffer.from(await vscode.workspace.fs.readFile(at)).toString();
    assert.equal(await read(uri(1, 'a/two words ü.txt')), 'two');
    const entries = await vscode.workspace.fs.readDirectory(uri(1, ''));
    assert.deepEqual(entries, [
      ['a', vscode.FileType.Directory],
      ['b.txt', vscode.FileType.File],
    ]);
    await assert.rejects(async () => vscode.workspace.fs.readFile(uri(1, 'none')), { code: 'FileNotFound' });
    await assert.rejects(async () => vscode.workspace.fs.writeFile(uri(1, 'b.txt'), Buffer.from('x')));

    writeFileSync(path.join(folder, 'b.txt'), 'changed');
    await add();
    await seen('letters  v2', datasets);
    const file = { kind: 'datasetFile', name: 'letters', version: 2, path: 'b.txt' };
    await vscode.commands.executeCommand('slipway.compareDatasetFile', file);
    const tab = await waitFor('the diff', () => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      return input instanceof vscode.TabInputTextDiff ? input : undefined;
    });
    assert.equal(tab.original.path, uri(1, 'b.txt').path);
    assert.equal(tab.modified.path, uri(2, 'b.txt').path);
    assert.ok((await datasets()).some((line) => line.startsWith('v2  ~1')));
  });

  it('training started from slipway.yaml opens its page and ends in the tree', async () => {
    const folder = await folderWith({
      'slipway.yaml': 'project: shell\ntrain: { run: "echo trained" }\n',
    });
    await vscode.commands.executeCommand('slipway.startTraining', { kind: 'folder', folder });
    await waitFor('the page', () => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      return input instanceof vscode.TabInputWebview && input.viewType.endsWith('slipway.page') ? input : undefined;
    });
    const [run] = await waitFor('the run’s end', () => {
      const ended = [...services.model.items('runs').values()].filter(
        (item) => item.project === 'shell' && item.endedAt,
      );
      return ended.length > 0 ? ended : undefined;
    });
    assert.equal(run!.status, 'succeeded', run!.reason);
    await seen('train shell', runs);
  });

  it('a task runs a step of slipway.yaml: its terminal ends with the exit status of the program', async () => {
    const folder = await folderWith({
      'slipway.yaml':
        'project: tasks\nstages: { prep: { run: "echo prepared > $SLIPWAY_OUTPUT/x", outputs: [x] } }\ntrain: { run: "exit 3" }\n',
    });
    const workspace = vscode.workspace.workspaceFolders![0]!;
    const definition = { type: 'slipway', folder: path.relative(workspace.uri.fsPath, folder) };
    const exitCodeOf = async (step: object) => {
      const ended = new Promise<number | undefined>((resolve) => {
        const listening = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
          if (execution.task.definition['folder'] !== definition.folder) return;
          listening.dispose();
          resolve(exitCode);
        });
      });
      const { tasks } = await container();
      const asked = new vscode.Task({ ...definition, ...step }, workspace, 'step', 'slipway');
      const task = await tasks.resolveTask(asked, new vscode.CancellationTokenSource().token);
      await vscode.tasks.executeTask(task!);
      return ended;
    };
    assert.equal(await exitCodeOf({ run: 'train' }), 3);
    assert.equal(await exitCodeOf({ run: 'stage', stage: 'none' }), 1);
    await seen('train tasks  failed', runs);
  });

  it('a control plane that is gone is not started by the connection, and is found again when it is back', async () => {
    process.kill(pidOf(services), 'SIGKILL');
    await waitFor('the end to be noticed', () => services.connection.status.state === 'stopped' || undefined);
    await vscode.commands.executeCommand('slipway.startServer');
    assert.equal(services.connection.status.state, 'connected');
    await seen('letters  v2', datasets);
    await seen('train shell', runs);
  });

  it('is shared: a restart from one window hands over, and the views stay', async () => {
    const before = pidOf(services);
    await vscode.commands.executeCommand('slipway.restartServer');
    assert.notEqual(pidOf(services), before);
    assert.equal(services.connection.status.state, 'connected');
    await seen('letters  v2', datasets);
  });
});
