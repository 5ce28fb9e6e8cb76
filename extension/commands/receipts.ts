import * as vscode from 'vscode';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import type { Row, Subject } from '../views/row.ts';
import { follow } from './operations.ts';
import { type Commands, chosen, subjectOf } from './table.ts';

export function receiptCommands(services: Services): Commands<'slipway.showReceipt' | 'slipway.verifyReceipts'> {
  const { connection, model, panels } = services;

  async function pickProjectName(placeHolder: string): Promise<string> {
    const projects = await model.loaded('projects');
    if (projects.length === 0) throw new SlipwayError('editor.noReceipts', t('There are no receipts yet.'));
    if (projects.length === 1) return projects[0]!.name;
    const items = projects.map(({ name, receipts }) => ({ label: name, description: t('{0} receipts', receipts) }));
    return chosen(await vscode.window.showQuickPick(items, { placeHolder })).label;
  }

  return {
    async 'slipway.showReceipt'(target) {
      await connection.use();
      const subject = subjectOf(target, 'datasetVersion', 'run', 'sweep', 'modelVersion', 'rollout');
      if (!subject) {
        const project = await pickProjectName(t('Show the receipts of which project?'));
        return panels.show({ page: 'receipts', project }, t('Receipts of {0}', project));
      }
      const isSplit = (target as Row).context?.split(' ')[0] === 'split';
      const id = receiptOf(services, subject, isSplit);
      if (id === undefined) {
        throw new SlipwayError(
          'editor.noReceipt',
          t('There is no receipt yet: it is written when the work has ended.'),
        );
      }
      panels.show({ page: 'receipt', id }, t('Receipt'));
    },
    async 'slipway.verifyReceipts'() {
      const api = await connection.use();
      const project = await pickProjectName(t('Verify the receipts of which project?'));
      const operation = await api.call('verifyReceipts', { body: { project } });
      await follow(services, operation, t('Verifying the receipts of {0}', project));
      void vscode.window.showInformationMessage(t('The receipts of {0} are complete and prove its bytes.', project));
    },
  };
}

function receiptOf({ model }: Services, subject: Subject, isSplit: boolean): string | undefined {
  switch (subject.kind) {
    case 'datasetVersion': {
      const version = model.items('datasetVersions').get(`${subject.name}@v${subject.version}`);
      return isSplit ? version?.split?.receipt : version?.receipt;
    }
    case 'run':
      return model.items('runs').get(subject.id)?.receipt;
    case 'sweep':
      return model.items('sweeps').get(subject.id)?.receipt;
    case 'modelVersion':
      return model.items('modelVersions').get(`${subject.name}@v${subject.version}`)?.receipt;
    case 'rollout':
      return model.items('rollouts').get(subject.id)?.receipt;
    default:
      return undefined;
  }
}
