import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { SlipwayError } from '../../server/protocol/errors.ts';
import type { PageRoute } from '../../server/protocol/pages.ts';
import type { Services } from '../services.ts';
import { t } from '../text/language.ts';
import { formatCount } from '../text/number.ts';
import { isActive } from '../views/runRows.ts';
import { type Parameters, parseParameters, writeParameters } from './parameters.ts';
import { confirm, pickRun, pickRuns, selectedRuns } from './picks.ts';
import { type Project, pickProject } from './projects.ts';
import { type Commands, chosen, subjectOf } from './table.ts';

export function runCommands(
  services: Services,
): Commands<
  | 'slipway.runPipeline'
  | 'slipway.runStage'
  | 'slipway.startTraining'
  | 'slipway.startTrainingWith'
  | 'slipway.continueRun'
  | 'slipway.stopRun'
  | 'slipway.deleteRun'
  | 'slipway.openRun'
  | 'slipway.openTensorBoard'
  | 'slipway.compareRuns'
> {
  const { connection, panels } = services;

  async function start(body: { folder: string; step?: string; params?: Parameters; resume?: string }): Promise<void> {
    const api = await connection.use();
    const run = await api.call('startRun', { body: { ...body, requestId: randomUUID() } });
    panels.show({ page: 'run', id: run.id }, run.title);
  }

  return {
    async 'slipway.runPipeline'(target) {
      const { folder } = await pickProject(target);
      const api = await connection.use();
      await api.call('startPipeline', { body: { folder, requestId: randomUUID() } });
      panels.show({ page: 'home' }, 'Slipway');
    },
    async 'slipway.runStage'(target) {
      const { folder, file } = await pickProject(target);
      const names = Object.keys(file.stages);
      const step = subjectOf(target, 'folder')?.stage ?? (await pickStage(names));
      await start({ folder, step });
    },
    async 'slipway.startTraining'(target) {
      const project = await pickProject(target);
      requireTrain(project);
      await start({ folder: project.folder });
    },
    async 'slipway.startTrainingWith'(target) {
      const project = await pickProject(target);
      const declared = requireTrain(project).params;
      const problemOf = (text: string) => {
        const parsed = parseParameters(text, declared);
        return 'problem' in parsed ? parsed.problem : undefined;
      };
      const options = { prompt: t('Parameters'), value: writeParameters(declared), validateInput: problemOf };
      const parsed = parseParameters(chosen(await vscode.window.showInputBox(options)), declared);
      if ('params' in parsed) await start({ folder: project.folder, params: parsed.params });
    },
    async 'slipway.continueRun'(target) {
      await connection.use();
      const fits = (run: { kind: string; status: string }) =>
        run.kind === 'train' && ['failed', 'stopped', 'lost'].includes(run.status);
      const id = await pickRun(services, target, fits, t('Continue which run?'));
      const run = services.model.items('runs').get(id);
      if (!run) throw notFound(id);
      const params = Object.entries(run.params).filter(
        (entry): entry is [string, string | number | boolean] => entry[1] !== null,
      );
      await start({ folder: run.folder, params: Object.fromEntries(params), resume: id });
    },
    async 'slipway.stopRun'(target) {
      const api = await connection.use();
      const id = await pickRun(services, target, isActive, t('Stop which run?'));
      const run = services.model.items('runs').get(id);
      await confirm(
        t('Stop {0}?', run?.title ?? id),
        t('It is asked to end and has its grace time to write a checkpoint. Logs and checkpoints are kept.'),
        t('Stop'),
      );
      await api.call('stopRun', { params: { id }, body: {} });
    },
    async 'slipway.deleteRun'(target) {
      const api = await connection.use();
      const id = await pickRun(services, target, (run) => !isActive(run), t('Delete which run?'));
      const run = services.model.items('runs').get(id);
      await confirm(
        t('Delete {0}?', run ? `${run.title} (${id})` : id),
        run?.model
          ? t('The model version {0} came from it and is kept.', run.model)
          : t('Its logs and curves are deleted.'),
        t('Delete'),
      );
      await api.call('deleteRun', { params: { id } });
    },
    async 'slipway.openRun'(target) {
      await connection.use();
      const id = await pickRun(services, target, () => true, t('Open which run?'));
      const run = services.model.items('runs').get(id);
      panels.show({ page: 'run', id }, run?.title ?? id);
    },
    async 'slipway.openTensorBoard'(target, selection) {
      const api = await connection.use();
      const sweep = subjectOf(target, 'sweep');
      const runs = sweep
        ? (await api.call('listRuns', { query: { sweep: sweep.id, limit: 500 } })).items.map((run) => run.id)
        : await pickRuns(services, target, selection, t('Open TensorBoard of which run?'));
      const title =
        runs.length === 1
          ? `TensorBoard: ${services.model.items('runs').get(runs[0]!)?.title ?? runs[0]}`
          : t('TensorBoard ({0} runs)', formatCount(runs.length));
      panels.show({ page: 'tensorboard', runs }, title);
    },
    async 'slipway.compareRuns'(target, selection) {
      await connection.use();
      panels.show(comparedRuns(services, target, selection), t('Compare Runs'));
    },
  };
}

/** Several chosen runs; else those of the sweep, or of the run's project; else all. */
function comparedRuns(services: Services, target: unknown, selection: unknown): PageRoute {
  const runs = selectedRuns(selection);
  if (runs.length > 1) return { page: 'compare', runs };
  const sweep = subjectOf(target, 'sweep');
  if (sweep) return { page: 'compare', sweep: sweep.id };
  const run = subjectOf(target, 'run');
  const project = run && services.model.items('runs').get(run.id)?.project;
  return project === undefined ? { page: 'compare' } : { page: 'compare', project };
}

function requireTrain({ file }: Project) {
  if (file.train) return file.train;
  throw new SlipwayError(
    'editor.noTrain',
    t('The slipway.yaml of {0} has no `train`.', file.project),
    t('Add it, with the command that trains under `run`.'),
  );
}

async function pickStage(names: string[]): Promise<string> {
  if (names.length === 0) {
    throw new SlipwayError('editor.noStage', t('This slipway.yaml has no stages.'), t('Add one under `stages`.'));
  }
  return names.length === 1
    ? names[0]!
    : chosen(await vscode.window.showQuickPick(names, { placeHolder: t('Run which stage?') }));
}

function notFound(id: string): SlipwayError {
  return new SlipwayError('editor.notFound', t('There is no run {0} any more.', id));
}
