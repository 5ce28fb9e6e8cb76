// What a person can do, one handler for each command of package.json (ids.ts), by domain. Commands ask (picks.ts,
// projects.ts), call the API and show a panel; they start the control plane if none runs. main.ts registers them.
import * as vscode from 'vscode';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { appCommands } from './app.ts';
import { datasetCommands } from './datasets.ts';
import { endpointCommands } from './endpoints.ts';
import type { CommandId } from './ids.ts';
import { modelCommands } from './models.ts';
import { receiptCommands } from './receipts.ts';
import { runCommands } from './runs.ts';
import { sweepCommands } from './sweeps.ts';
import { Cancelled, type CommandHandler, type CommandTable, errorText } from './table.ts';

/** Carries a command out by its id. */
export type Perform = (id: CommandId, target: unknown, selection: unknown) => Promise<void>;

export function createCommands(services: Services): Perform {
  const table: CommandTable = {
    ...appCommands(services),
    ...datasetCommands(services),
    ...runCommands(services),
    ...sweepCommands(services),
    ...modelCommands(services),
    ...endpointCommands(services),
    ...receiptCommands(services),
  };
  return (id, target, selection) => perform(services, id, table[id], target, selection);
}

/** Runs a handler; what goes wrong is told once, with what to do. */
async function perform(
  { log }: Services,
  id: CommandId,
  handler: CommandHandler,
  target: unknown,
  selection: unknown,
): Promise<void> {
  try {
    await handler(target, selection);
  } catch (error) {
    if (error instanceof Cancelled) return;
    const isOurs = error instanceof SlipwayError;
    log.error(
      `${id}: ${error instanceof Error ? (isOurs ? `${error.code}: ${errorText(error)}` : error.stack) : error}`,
    );
    void tell(isOurs ? errorText(error) : t('{0} failed: {1}', id, String(error)));
  }
}

async function tell(text: string): Promise<void> {
  const showLog = t('Show Log');
  if ((await vscode.window.showErrorMessage(text, showLog)) === showLog) {
    await vscode.commands.executeCommand('slipway.showLog');
  }
}
