import type { ParsedSlipwayFile } from '../../server/protocol/parseSlipwayFile.ts';
import type { CommandId } from '../commands/ids.ts';
import { t } from '../text/language.ts';
import type { Subject } from '../views/row.ts';

/** What can be done with a part of a slipway.yaml, on the line where the part begins. */
export interface Lens {
  /** From 0. */
  line: number;
  title: string;
  command: CommandId;
  subject: Subject;
}

/** The lenses of a file; a file with mistakes has none, since nothing of it would run. */
export function lensesOf({ file, lines }: ParsedSlipwayFile, folder: string): Lens[] {
  if (!file) return [];
  const lenses: Lens[] = [];
  const add = (key: string, title: string, command: CommandId, stage?: string) => {
    const line = lines[key];
    if (line === undefined) return;
    const subject = { kind: 'folder', folder, ...(stage === undefined ? {} : { stage }) } as const;
    lenses.push({ line: line - 1, title, command, subject });
  };
  add('project', t('$(run-all) Run pipeline'), 'slipway.runPipeline');
  if (file.dataset) add('dataset', t('$(add) Add dataset version'), 'slipway.addDatasetVersion');
  for (const stage of Object.keys(file.stages))
    add(`stages.${stage}`, t('$(play) Run stage'), 'slipway.runStage', stage);
  if (file.train) {
    add('train', t('$(play) Start training'), 'slipway.startTraining');
    add('train', t('$(settings) Start training with parameters…'), 'slipway.startTrainingWith');
  }
  if (file.sweep) add('sweep', t('$(beaker) Start sweep'), 'slipway.startSweep');
  if (file.validate) add('validate', t('$(checklist) Validate'), 'slipway.validate');
  if (file.serve) add('serve', t('$(rocket) Roll out'), 'slipway.rollOut');
  return lenses;
}
