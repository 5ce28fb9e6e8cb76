/** A Katib Experiment read as a slipway.yaml: the search, the objective, and the command of its trials. */
import { SlipwayError } from '../../../protocol/errors.ts';
import { type ParamSpec, parseSearchSpace, type SearchSpace } from '../../../protocol/space.ts';
import { shellQuote } from '../../run/command.ts';
import { algorithmOfSampler, Experiment, foreignAlgorithms, type KatibParameter } from './experiment.ts';

export interface Imported {
  /** What slipway.yaml holds, as plain JSON. */
  file: {
    project: string;
    train: {
      run: string;
      environment?: { image: string };
      env?: Record<string, string>;
      objective: { metric: string; goal: 'maximize' | 'minimize' };
    };
    sweep: Record<string, unknown> & { space: SearchSpace };
  };
  /** What stands in the Experiment and has no effect here, or another one, a sentence each. */
  notes: string[];
}

/** Katib runs so many at once, and starts trials without end, where nothing is said. */
const defaultParallel = 3;
const defaultTrials = 100;

/**
 * @param document the parsed YAML
 * @throws SlipwayError `katib.invalid`, naming the field; `katib.algorithm`, naming the algorithm that Slipway has not
 */
export function importExperiment(document: unknown): Imported {
  const result = Experiment.safeParse(document);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw new SlipwayError(
      'katib.invalid',
      `The Experiment cannot be read: ${path.join('.') || 'the document'}: ${message}.`,
      'It has to be a kubeflow.org/v1beta1 Experiment.',
    );
  }
  const { metadata, spec } = result.data;
  const notes: string[] = [];
  const { algorithmName, algorithmSettings } = spec.algorithm;
  const search = searchOf(algorithmName);
  const settings = new Map(algorithmSettings.map(({ name, value }) => [name, value]));
  if (!spec.parameters?.length) {
    throw new SlipwayError(
      'katib.invalid',
      'The Experiment has no parameters.',
      'An Experiment with nasConfig cannot be imported.',
    );
  }
  const space = parseSearchSpace(
    Object.fromEntries(spec.parameters.map((parameter) => [parameter.name, paramOf(parameter, notes)])),
  );
  const seed = Number(settings.get('random_state') ?? 0);
  const used = new Set(['random_state']);
  const stopper =
    algorithmName === 'hyperband' ? hyperbandOf(settings, space, used, notes) : stopperOf(spec.earlyStopping);
  const ignored = algorithmSettings.filter(({ name }) => !used.has(name)).map(({ name }) => name);
  if (ignored.length > 0) notes.push(`Settings of ${algorithmName} that have no effect: ${ignored.join(', ')}.`);
  if (spec.objective.goal !== undefined) {
    notes.push(`The sweep uses its budget and does not end at the goal ${spec.objective.goal}.`);
  }
  if (spec.maxTrialCount === undefined) notes.push(`maxTrialCount is not set; the sweep gets ${defaultTrials} trials.`);
  const collector = spec.metricsCollectorSpec?.collector?.kind ?? 'StdOut';
  if (collector !== 'TensorFlowEvent') {
    const metric = spec.objective.objectiveMetricName;
    notes.push(
      `Metrics are read from event files and SLIPWAY_METRICS, not by the ${collector} collector: write ${metric} there.`,
    );
  }
  return {
    file: {
      project: projectName(metadata.name ?? metadata.generateName ?? 'experiment'),
      train: {
        ...trainOf(result.data, notes),
        objective: { metric: spec.objective.objectiveMetricName, goal: spec.objective.type },
      },
      sweep: {
        ...search,
        ...stopper,
        trials: spec.maxTrialCount ?? defaultTrials,
        parallel: spec.parallelTrialCount ?? defaultParallel,
        ...(Number.isInteger(seed) && seed > 0 ? { seed } : {}),
        space,
      },
    },
    notes,
  };
}

function searchOf(algorithm: string): { sampler: string; multivariate?: boolean } {
  if (algorithm === 'tpe') return { sampler: 'tpe', multivariate: false };
  if (algorithm === 'hyperband') return { sampler: 'random' };
  const found = Object.entries(algorithmOfSampler).find(([, name]) => name === algorithm);
  if (found) return { sampler: found[0] };
  const known = [...Object.values(algorithmOfSampler), 'tpe', 'hyperband'].sort().join(', ');
  const what = foreignAlgorithms[algorithm];
  throw new SlipwayError(
    'katib.algorithm',
    `Slipway has no algorithm ${algorithm}${what ? ` (${what})` : ''}.`,
    `It has ${known}.`,
  );
}

/** Katib's Hyperband gives each trial its resource as a parameter; ours lets it run and stops it. */
function hyperbandOf(settings: Map<string, string>, space: SearchSpace, used: Set<string>, notes: string[]) {
  for (const name of ['resource_name', 'eta', 'r_l']) used.add(name);
  const name = settings.get('resource_name');
  const spec = name === undefined ? undefined : space[name];
  const most = spec && 'int' in spec ? spec.int[1] : 1;
  const resource = Math.max(Math.ceil(Number(settings.get('r_l') ?? 1)), most);
  const reduction = Math.max(2, Math.round(Number(settings.get('eta') ?? 3)));
  notes.push(`Trials are stopped by Hyperband while they run instead of being given ${name ?? 'a resource'} each.`);
  return { stopper: { type: 'hyperband', reduction }, resource };
}

function stopperOf(early: Experiment['spec']['earlyStopping']): { stopper?: Record<string, unknown> } {
  if (!early) return {};
  if (early.algorithmName !== 'medianstop') {
    throw new SlipwayError(
      'katib.algorithm',
      `Slipway has no early stopping ${early.algorithmName}.`,
      'It has medianstop; asha, hyperband and patience are set in slipway.yaml.',
    );
  }
  const setting = (name: string, otherwise: number) =>
    Number(early.algorithmSettings.find((one) => one.name === name)?.value ?? otherwise);
  // Katib's defaults: https://www.kubeflow.org/docs/components/katib/user-guides/early-stopping
  const [minTrials, minStep] = [setting('min_trials_required', 3), setting('start_step', 4)];
  return { stopper: { type: 'median', minTrials, minStep } };
}

function paramOf({ name, parameterType, feasibleSpace }: KatibParameter, notes: string[]): ParamSpec {
  const { min, max, step, list, distribution } = feasibleSpace;
  if (parameterType === 'categorical') return { choice: list ?? [] };
  if (parameterType === 'discrete') return { choice: (list ?? []).map(Number) };
  const bounds: [number, number] = [Number(min), Number(max)];
  if (min === undefined || max === undefined || bounds.some((bound) => !Number.isFinite(bound))) {
    throw new SlipwayError('katib.invalid', `Parameter ${name} has no min and max.`, 'Give both as numbers.');
  }
  const isLog = distribution === 'logUniform' || distribution === 'logNormal';
  if (distribution === 'normal' || distribution === 'logNormal') {
    notes.push(`${name} is drawn uniformly${isLog ? ' by its logarithm' : ''}, not from a normal distribution.`);
  }
  if (isLog && step !== undefined) notes.push(`${name} has no step: it is drawn by its logarithm.`);
  if (parameterType === 'int')
    return isLog ? { logInt: bounds } : { int: bounds, ...(step ? { step: Number(step) } : {}) };
  return isLog ? { log: bounds } : { float: bounds, ...(step ? { step: Number(step) } : {}) };
}

interface Container {
  name?: string;
  image?: string;
  command: string[];
  env: { name: string; value: string }[];
}

function trainOf({ metadata, spec }: Experiment, notes: string[]) {
  const template = spec.trialTemplate;
  const container = template?.trialSpec && containerOf(template.trialSpec, template.primaryContainerName);
  if (!container) {
    const from = template?.configMap;
    const where = from ? `ConfigMap ${from.configMapName ?? ''}, ${from.templatePath ?? ''}` : 'the trial template';
    notes.push(`The command of a trial stands in ${where}: write it under train.run.`);
    return { run: `echo 'Write the command of a trial under train.run of slipway.yaml.' >&2; exit 1` };
  }
  const trial = (template.trialSpec ?? {}) as {
    apiVersion?: string;
    kind?: string;
    metadata?: Record<string, unknown>;
  };
  const references = new Map(template.trialParameters.map(({ name, reference }) => [name, reference]));
  const names = new Set(spec.parameters?.map(({ name }) => name));
  const meaning = (name: string): string => {
    const reference = references.get(name);
    if (reference !== undefined && names.has(reference)) return `{${reference}}`;
    return reference === undefined ? '' : metadataOf(reference, trial, metadata.namespace);
  };
  const run = container.command.map((word) => filled(word, meaning)).join(' ');
  if (/\{\{|\$\(/.test(run)) {
    notes.push(`The command uses values of a ${trial.kind}, which runs several steps: make it one, under train.run.`);
  }
  const env = container.env.map(({ name, value }) => [name, literal(value, meaning)] as const);
  return {
    run,
    ...(container.image ? { environment: { image: container.image } } : {}),
    ...(env.length > 0 ? { env: Object.fromEntries(env) } : {}),
  };
}

const parameter = /\$\{trialParameters\.([^}]+)\}/g;

/** A word of a shell command; a parameter stands in it as `{name}`, which Slipway replaces. */
function filled(word: string, meaning: (name: string) => string): string {
  return word
    .split(parameter)
    .map((part, index) => (index % 2 === 0 ? (part === '' ? '' : shellQuote(part)) : meaning(part)))
    .join('');
}

function literal(text: string, meaning: (name: string) => string): string {
  return text.replace(parameter, (_, name: string) => (meaning(name) === '"$SLIPWAY_RUN"' ? '' : meaning(name)));
}

/** `${trialSpec.Name}` and the like: what is fixed is written out, the name is that of the run. */
function metadataOf(
  reference: string,
  trial: { apiVersion?: string; kind?: string; metadata?: Record<string, unknown> },
  namespace = 'default',
): string {
  const [, field, key] = /^\$\{trialSpec\.(\w+)(?:\[(.+)\])?\}$/.exec(reference) ?? [];
  const map = (name: string) => String((trial.metadata?.[name] as Record<string, unknown> | undefined)?.[key!] ?? '');
  switch (field) {
    case 'Name':
      return '"$SLIPWAY_RUN"';
    case 'Namespace':
      return namespace;
    case 'Kind':
      return trial.kind ?? '';
    case 'APIVersion':
      return trial.apiVersion ?? '';
    case 'Labels':
      return map('labels');
    case 'Annotations':
      return map('annotations');
    default:
      return reference;
  }
}

/** The primary container, wherever the trial's kind has its containers: Job, PyTorchJob, TrainJob, Workflow, PipelineRun. */
function containerOf(trialSpec: unknown, primary: string | undefined): Container | undefined {
  const found: Container[] = [];
  const visit = (value: unknown) => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (typeof value !== 'object' || value === null) return;
    const { name, image, command, args, env } = value as Record<string, unknown>;
    const words = [command, args].flatMap((list) => (Array.isArray(list) ? list.map(String) : []));
    if (words.length > 0) {
      const variables = (Array.isArray(env) ? env : []).filter((one) => typeof one?.value === 'string');
      found.push({ name: text(name), image: text(image), command: words, env: variables });
    }
    Object.values(value).forEach(visit);
  };
  visit(trialSpec);
  return found.find(({ name }) => name === primary || `step-${name}` === primary) ?? found.at(-1);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Names of projects: small letters, digits and dashes, two to 53. */
function projectName(name: string): string {
  const clean = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 53)
    .replaceAll(/^-+|-+$/g, '');
  return clean.length >= 2 ? clean : `sweep-${clean || 'katib'}`;
}
