import path from 'node:path';
import * as vscode from 'vscode';
import { namePattern } from '../../server/protocol/names.ts';
import { parseSlipwayFile } from '../../server/protocol/parseSlipwayFile.ts';
import { SplitSpec } from '../../server/protocol/slipwayFile.ts';
import { datasetFileUri } from '../files/fileSystem.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { follow } from './operations.ts';
import { pickDatasetVersion } from './picks.ts';
import { projectFileName, projectFolders } from './projects.ts';
import { type Commands, chosen, subjectOf } from './table.ts';

interface Source {
  name: string;
  /** Absolute path. */
  path: string;
  project?: string;
}

export function datasetCommands(
  services: Services,
): Commands<
  | 'slipway.addDatasetVersion'
  | 'slipway.splitDatasetVersion'
  | 'slipway.checkoutDatasetVersion'
  | 'slipway.verifyDataset'
  | 'slipway.openDatasetFile'
  | 'slipway.compareDatasetFile'
  | 'slipway.cancelOperation'
> {
  const { connection, model } = services;
  return {
    async 'slipway.addDatasetVersion'(target) {
      const api = await connection.use();
      const source = await pickSource(services, target);
      const operation = await api.call('addDatasetVersion', { body: source });
      await follow(services, operation, t('Adding {0}', source.name));
    },
    async 'slipway.splitDatasetVersion'(target) {
      const api = await connection.use();
      const { name, version } = await pickDatasetVersion(services, target, t('Split which version?'));
      const project = (await declaredDatasets()).find((declared) => declared.name === name && declared.split);
      const split = project?.split ?? (await askSplit());
      const body = { split, ...(project ? { project: project.project } : {}) };
      await api.call('splitDatasetVersion', { params: { name, version: `v${version}` }, body });
    },
    async 'slipway.checkoutDatasetVersion'(target) {
      const api = await connection.use();
      const { name, version } = await pickDatasetVersion(services, target, t('Check out which version?'));
      const into = await pickFolder(t('Check Out Into'));
      const to = path.join(into, `${name}-v${version}`);
      const operation = await api.call('checkoutDatasetVersion', {
        params: { name, version: `v${version}` },
        body: { to },
      });
      await follow(services, operation, t('Checking out {0}', `${name} v${version}`));
      const open = t('Open Folder');
      const answer = await vscode.window.showInformationMessage(t('{0} is written.', to), open);
      if (answer === open) await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(to), true);
    },
    async 'slipway.verifyDataset'(target) {
      const api = await connection.use();
      const name =
        subjectOf(target, 'dataset', 'datasetVersion')?.name ??
        (await pickDatasetVersion(services, undefined, t('Verify which dataset?'))).name;
      const operation = await api.call('verifyDataset', { params: { name }, body: {} });
      await follow(services, operation, t('Verifying {0}', name));
      void vscode.window.showInformationMessage(t('Every byte of every version of {0} is as it was added.', name));
    },
    async 'slipway.openDatasetFile'(target) {
      const file = chosen(subjectOf(target, 'datasetFile'));
      await vscode.commands.executeCommand('vscode.open', datasetFileUri(file.name, file.version, file.path));
    },
    async 'slipway.compareDatasetFile'(target) {
      const file = chosen(subjectOf(target, 'datasetFile'));
      await connection.use();
      const others = (await model.loaded('datasetVersions'))
        .filter(({ dataset, version }) => dataset === file.name && version !== file.version)
        .sort((a, b) => b.version - a.version);
      const items = others.map(({ version }) => ({ label: `v${version}`, version }));
      const before = items.find(({ version }) => version === file.version - 1);
      // A row of `changes` compares with the version before; elsewhere the person says with which.
      const isChange = subjectOf(target, 'datasetFile') === target;
      const other =
        isChange && before
          ? before
          : chosen(await vscode.window.showQuickPick(items, { placeHolder: t('Compare with which version?') }));
      const [older, newer] = [other.version, file.version].sort((a, b) => a - b) as [number, number];
      await vscode.commands.executeCommand(
        'vscode.diff',
        datasetFileUri(file.name, older, file.path),
        datasetFileUri(file.name, newer, file.path),
        `${path.basename(file.path)} (v${older} ↔ v${newer})`,
      );
    },
    async 'slipway.cancelOperation'(target) {
      const { id } = chosen(subjectOf(target, 'operation'));
      const api = await connection.use();
      await api.call('cancelOperation', { params: { id }, body: {} });
    },
  };
}

/** What to add: the folder it was called on, what a slipway.yaml names, else a folder that is picked. */
async function pickSource(services: Services, target: unknown): Promise<Source> {
  if (target instanceof vscode.Uri) return { path: target.fsPath, name: await askName(path.basename(target.fsPath)) };
  const called = subjectOf(target, 'dataset')?.name;
  const declared = (await declaredDatasets()).filter(({ name }) => called === undefined || name === called);
  if (called !== undefined && declared.length === 1) return sourceOf(declared[0]!);
  const other = { label: t('Another folder…'), description: '', value: undefined };
  const items = declared.map((dataset) => ({ label: dataset.name, description: dataset.path, value: dataset }));
  const options = { placeHolder: t('Add a version of which dataset?') };
  const picked = items.length === 0 ? other : chosen(await vscode.window.showQuickPick([...items, other], options));
  if (picked.value) return sourceOf(picked.value);
  const folder = await pickFolder(t('Add as Dataset Version'));
  const existing = services.model.items('datasets');
  const suggested = called ?? path.basename(folder);
  return { path: folder, name: called && existing.has(called) ? called : await askName(suggested) };
}

function sourceOf({ name, path: folder, project }: Source): Source {
  return { name, path: folder, ...(project ? { project } : {}) };
}

/** The datasets that the open projects name. */
async function declaredDatasets(): Promise<(Source & { split?: SplitSpec | undefined })[]> {
  const found = await Promise.all(
    (await projectFolders()).map(async (folder) => {
      const document = await vscode.workspace.openTextDocument(path.join(folder, projectFileName));
      const { file } = parseSlipwayFile(document.getText());
      if (!file?.dataset) return [];
      const { name, split } = file.dataset;
      return [{ name, path: path.resolve(folder, file.dataset.path), project: file.project, split }];
    }),
  );
  return found.flat();
}

async function askName(suggested: string): Promise<string> {
  const value = suggested
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return chosen(
    await vscode.window.showInputBox({
      prompt: t('Name of the dataset'),
      value,
      validateInput: (text) =>
        namePattern.test(text)
          ? undefined
          : t('2 to 53 lower-case letters, digits and hyphens, no hyphen first or last.'),
    }),
  );
}

async function askSplit(): Promise<SplitSpec> {
  const items = [
    { label: 'stratified', description: t('every class in the same share on both sides'), by: 'label' },
    { label: 'random', description: t('every file by chance'), by: undefined },
  ];
  const { label, by } = chosen(
    await vscode.window.showQuickPick(items, { placeHolder: t('Split by which strategy?') }),
  );
  const share = chosen(
    await vscode.window.showInputBox({
      prompt: t('Share of files on the test side'),
      value: '0.2',
      validateInput: (text) => (Number(text) > 0 && Number(text) < 1 ? undefined : t('A number between 0 and 1.')),
    }),
  );
  return SplitSpec.parse({ strategy: label, test: Number(share), ...(by ? { by } : {}) });
}

async function pickFolder(openLabel: string): Promise<string> {
  const options = { canSelectFolders: true, canSelectFiles: false, openLabel };
  return chosen(await vscode.window.showOpenDialog(options))[0]!.fsPath;
}
