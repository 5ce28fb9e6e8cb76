import * as vscode from 'vscode';
import type { Operation } from '../../server/protocol/entities.ts';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { operationRow } from '../views/datasetRows.ts';
import { Cancelled } from './table.ts';

/**
 * Follows long work to its end, with its progress beside the views; it goes on in the control plane whatever happens to
 * the editor.
 * @throws SlipwayError its own, if it failed; Cancelled if it was cancelled
 */
export function follow(services: Services, operation: Operation, title: string): Promise<Operation> {
  const { model } = services;
  const options = { location: vscode.ProgressLocation.Window, title };
  const following = vscode.window.withProgress(options, async (progress) => {
    let current = operation;
    let wake = () => {};
    const stop = model.listen((topic) => topic === 'operations' && wake());
    try {
      while (current.status === 'running') {
        progress.report({ message: operationRow(current).description ?? '' });
        current = model.items('operations').get(operation.id) ?? current;
        if (current.status !== 'running') break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop();
    }
    return judge(current);
  });
  return Promise.resolve(following);
}

function judge(operation: Operation): Operation {
  if (operation.status === 'cancelled') throw new Cancelled();
  if (operation.status === 'failed') {
    const { code, message, hint } = operation.error ?? { code: 'operation.failed', message: operation.kind, hint: '' };
    throw new SlipwayError(code, message, hint);
  }
  return operation;
}
