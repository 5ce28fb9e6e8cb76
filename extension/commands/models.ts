import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ModelVersion, Validation } from '../../server/protocol/entities.ts';
import { namePattern } from '../../server/protocol/names.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { hasModel } from '../views/runRows.ts';
import { pickModelVersion, pickRun } from './picks.ts';
import { requireTrust } from './projects.ts';
import { type Commands, chosen } from './table.ts';

const registeredMs = 30_000;

export function modelCommands(
  services: Services,
): Commands<'slipway.validate' | 'slipway.promote' | 'slipway.openModelVersion' | 'slipway.tracePrediction'> {
  const { connection, model, panels } = services;
  return {
    async 'slipway.validate'(target) {
      requireTrust();
      const api = await connection.use();
      const id = await pickRun(services, target, hasModel, t('Validate the model of which run?'));
      const run = model.items('runs').get(id);
      panels.show({ page: 'run', id }, run?.title ?? id);
      const validation = await api.call('startValidation', { body: { run: id, requestId: randomUUID() } });
      void offerNextStep(services, await decided(services, validation));
    },
    async 'slipway.promote'(target) {
      const api = await connection.use();
      const { name, version } = await pickModelVersion(services, target, t('Promote which model version?'));
      const known = ['production', 'staging', ...Object.keys(model.items('models').get(name)?.aliases ?? {})];
      const other = t('Another alias…');
      const picked = chosen(
        await vscode.window.showQuickPick([...new Set(known), other], {
          placeHolder: t('Promote {0} to which alias?', `${name} v${version}`),
        }),
      );
      const alias = picked === other ? await askAlias() : picked;
      await api.call('setAlias', { params: { name }, body: { alias, version } });
    },
    async 'slipway.openModelVersion'(target) {
      await connection.use();
      const { name, version } = await pickModelVersion(services, target, t('Open which model version?'));
      panels.show({ page: 'modelVersion', name, version }, `${name} v${version}`);
    },
    async 'slipway.tracePrediction'() {
      const api = await connection.use();
      const id = chosen(
        await vscode.window.showInputBox({
          prompt: t('The X-Request-Id or X-Slipway-Receipt of an answer leads to the data of its model.'),
          placeHolder: t('Request id or receipt id'),
          validateInput: (text) => (text.trim() === '' ? t('Paste an id.') : undefined),
        }),
      );
      const { model: name, version } = await api.call('tracePrediction', { params: { id: id.trim() } });
      panels.show({ page: 'modelVersion', name, version }, `${name} v${version}`);
    },
  };
}

/** The validation once it has an outcome. */
function decided({ model }: Services, validation: Validation): Promise<Validation> {
  return new Promise((resolve) => {
    const look = () => {
      const current = model.items('validations').get(validation.id) ?? validation;
      if (current.status === 'running') return;
      stop();
      resolve(current);
    };
    const stop = model.listen((topic) => topic === 'validations' && look());
    look();
  });
}

/** The model version that a passed validation registers, which is told a moment after the decision. */
function registered({ model }: Services, { run }: Validation): Promise<ModelVersion | undefined> {
  return new Promise((resolve) => {
    const look = () => {
      const version = [...model.items('modelVersions').values()].find((item) => item.run === run);
      if (version) finish(version);
    };
    const finish = (version?: ModelVersion) => {
      stop();
      clearTimeout(limit);
      resolve(version);
    };
    const stop = model.listen((topic) => topic === 'modelVersions' && look());
    const limit = setTimeout(() => finish(), registeredMs);
    look();
  });
}

/** What a decision leads to is for a person to say. */
async function offerNextStep(services: Services, validation: Validation): Promise<void> {
  const rollOut = t('Roll Out');
  const startSweep = t('Start Sweep');
  if (validation.decision === 'serve') {
    const version = await registered(services, validation);
    const says = version
      ? t('The gates are passed: {0} is ready to be rolled out.', `${version.model} v${version.version}`)
      : t('The gates are passed.');
    const answer = await vscode.window.showInformationMessage(says, ...(version ? [rollOut] : []));
    if (answer !== rollOut || !version) return;
    const subject = { kind: 'modelVersion', name: version.model, version: version.version };
    await vscode.commands.executeCommand('slipway.rollOut', subject);
  } else if (validation.decision === 'retrain') {
    const answer = await vscode.window.showWarningMessage(
      t('The gates are not passed: {0}', validation.reason),
      ...(validation.how.includes('propose') ? [startSweep] : []),
    );
    if (answer === startSweep) await vscode.commands.executeCommand('slipway.startSweep');
  } else {
    void vscode.window.showErrorMessage(t('The validation failed: {0}', validation.reason));
  }
}

async function askAlias(): Promise<string> {
  const validateInput = (text: string) =>
    namePattern.test(text) ? undefined : t('2 to 53 lower-case letters, digits and hyphens, no hyphen first or last.');
  return chosen(await vscode.window.showInputBox({ prompt: t('Alias'), validateInput }));
}
