import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import { command } from '../command.ts';
import { note, show } from '../shell.ts';

const importKatib = command({
  name: 'sweep import',
  summary: 'Read a Katib Experiment (kubeflow.org/v1beta1) as a slipway.yaml.',
  arguments: [{ name: 'FILE', help: 'The Experiment, YAML or JSON.' }],
  options: { to: { type: 'string', value: 'DIR', help: 'Write DIR/slipway.yaml, which must not exist yet.' } },
  examples: ['slipway sweep import random.yaml', 'slipway sweep import random.yaml --to .'],
  async run({ args, options }, shell) {
    const { parse, stringify } = await import('yaml');
    const { importExperiment } = await import('../../domain/sweep/katib/import.ts');
    const path = resolve(shell.cwd, args[0]!);
    let document: unknown;
    try {
      document = parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw new SlipwayError(
        'katib.invalid',
        `${path} cannot be read: ${(error as Error).message}`,
        'Give a YAML file.',
      );
    }
    const { file, notes } = importExperiment(document);
    const text = stringify(file);
    if (options.to !== undefined) {
      const target = join(resolve(shell.cwd, options.to), 'slipway.yaml');
      if (existsSync(target)) {
        throw new SlipwayError(
          'katib.exists',
          `${target} exists.`,
          'Import without --to, and take over what you need.',
        );
      }
      await writeFile(target, text, { flag: 'wx' });
    }
    for (const one of notes) note(shell, one);
    show(shell, { file, notes }, () => text.trimEnd());
    return 0;
  },
});

const exportKatib = command({
  name: 'sweep export',
  summary: 'Write the sweep of a project as a Katib Experiment.',
  options: {
    folder: { type: 'string', value: 'DIR', help: 'The project folder (default: the working folder).' },
    image: { type: 'string', value: 'IMAGE', help: 'The image of a trial (default: train.environment.image).' },
  },
  examples: ['slipway sweep export --image registry/digits:1 > experiment.yaml'],
  async run({ options }, shell) {
    const { stringify } = await import('yaml');
    const { requireSlipwayFile } = await import('../../protocol/parseSlipwayFile.ts');
    const { exportExperiment } = await import('../../domain/sweep/katib/export.ts');
    const path = join(resolve(shell.cwd, options.folder ?? '.'), 'slipway.yaml');
    const file = requireSlipwayFile(await readFile(path, 'utf8'));
    const { train, sweep, project } = file;
    const goals = sweep?.objectives ?? (train?.objective ? [train.objective] : []);
    const image = options.image ?? train?.environment?.image ?? file.environment?.image;
    if (!train || !sweep || goals.length === 0) {
      throw new SlipwayError(
        'katib.export',
        `${path} has no sweep with an objective.`,
        'Add train.objective and sweep.',
      );
    }
    if (goals.length > 1) throw new SlipwayError('katib.export', 'Katib compares trials by one goal.', 'Keep one.');
    if (image === undefined) {
      throw new SlipwayError(
        'katib.export',
        'A trial in Katib needs an image.',
        'Give --image, or train.environment.image.',
      );
    }
    const { sampler, multivariate, stopper, trials, parallel, seed, space } = sweep;
    const experiment = exportExperiment({
      name: project,
      objective: goals[0]!,
      sampler,
      isMultivariate: multivariate ?? true,
      stopper: stopper === 'none' ? null : typeof stopper === 'string' ? { type: stopper } : stopper,
      trials,
      parallel,
      seed,
      space,
      run: train.run,
      image,
    });
    show(shell, experiment, () => stringify(experiment).trimEnd());
    return 0;
  },
});

export const commands = [importKatib, exportKatib];
