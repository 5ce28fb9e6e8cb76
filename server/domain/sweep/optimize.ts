/**
 * The protocol behind `slipway optimize`: JSON lines in, JSON lines out, over the same reducer that runs a sweep. Every
 * input line is answered before the next is read; who reads and writes the lines is the command line's business.
 */
import * as z from 'zod';
import { SlipwayError } from '../../protocol/errors.ts';
import { parseSearchSpace } from '../../protocol/space.ts';
import { itemAt } from './pages.ts';
import { samplerNames } from './samplers/index.ts';
import { hasEnded, type SweepCommand, type SweepEvent, type SweepSpec, type SweepState } from './state.ts';
import { type StopperSpec, stopperNames } from './stoppers/index.ts';
import { reduceSweep } from './sweep.ts';

const count = z.number().int().positive();
const optionsSchema = z.strictObject({
  sampler: z.enum(samplerNames).exclude(['pbt']).default('tpe'),
  stopper: z.enum(stopperNames).optional(),
  resource: z.number().positive().optional(),
  goals: z
    .array(z.enum(['minimize', 'maximize']))
    .min(1)
    .default(['minimize']),
  trials: count.default(100),
  parallel: count.default(1),
  seed: z.number().int().default(0),
});

/** Names and numbers as the command line has them; `space` is the parsed file. */
export type OptimizeOptions = z.input<typeof optionsSchema> & { space: unknown };

export interface OptimizeStep {
  state: SweepState;
  /** JSON without line ends. */
  lines: string[];
}

/**
 * The first trials, as many as may run at once.
 *
 * @throws SlipwayError `optimize.option`, `space.invalid`, `sweep.invalid`, `sweep.tooManyGoals`
 */
export function startOptimize(options: OptimizeOptions): OptimizeStep {
  return step(undefined, { type: 'created', spec: sweepSpec(options) });
}

/**
 * Answers one line of input; blank ones by nothing.
 *
 * @throws SlipwayError `optimize.line` for a line that is not understood or speaks of a trial that does not run; the
 * state stays what it was
 */
export function feedLine(state: SweepState, line: string): OptimizeStep {
  if (line.trim() === '') return { state, lines: [] };
  const input = parseLine(line);
  const trial = itemAt(state.trials, input.trial);
  if (!trial || hasEnded(trial)) {
    const problem = trial ? 'has already ended' : 'was never given';
    throw new SlipwayError('optimize.line', `Trial ${input.trial} ${problem}: ${line.trim()}`, lineHint);
  }
  const at = { trial: input.trial, attempt: 0 };
  if ('failed' in input) return step(state, { type: 'trialEnded', ...at, outcome: 'failed' });
  const values = 'value' in input ? [input.value] : input.values;
  if (values.length !== state.spec.goals.length) {
    const expected = `${state.spec.goals.length} goals need "values" with as many numbers`;
    throw new SlipwayError('optimize.line', `${expected}: ${line.trim()}`, lineHint);
  }
  if (input.step === undefined) return step(state, { type: 'trialEnded', ...at, outcome: 'finished', values });
  const { state: judged, commands } = reduceSweep(state, { type: 'reported', ...at, step: input.step, values });
  const stop = commands.some(({ type }) => type === 'stopTrial');
  const answer = JSON.stringify({ trial: input.trial, step: input.step, stop });
  if (!stop) return { state: judged, lines: [answer] };
  const next = step(judged, { type: 'trialEnded', ...at, outcome: 'stopped' });
  return { state: next.state, lines: [answer, ...next.lines] };
}

/** What is still to be said when the input ends: the best, unless it was said already. */
export function endOptimize(state: SweepState): string[] {
  return state.status === 'ended' ? [] : [bestLine(state)];
}

function step(state: SweepState | undefined, event: SweepEvent): OptimizeStep {
  const reduction = reduceSweep(state, event);
  const lines = reduction.commands.filter((command) => command.type === 'startTrial').map(trialLine);
  if (reduction.state.status === 'ended') lines.push(bestLine(reduction.state));
  return { state: reduction.state, lines };
}

function trialLine({ trial, params }: Extract<SweepCommand, { type: 'startTrial' }>): string {
  return JSON.stringify({ trial, params });
}

function bestLine(state: SweepState): string {
  const best = state.best.map((number) => {
    const { params, values } = itemAt(state.trials, number)!;
    return state.spec.goals.length === 1
      ? { trial: number, params, value: values![0] }
      : { trial: number, params, values };
  });
  return JSON.stringify({ best: best.length === 0 ? null : state.spec.goals.length === 1 ? best[0] : best });
}

function sweepSpec({ space, ...others }: OptimizeOptions): SweepSpec {
  const result = optionsSchema.safeParse(others);
  if (!result.success) {
    const { path, message } = result.error.issues[0]!;
    throw new SlipwayError('optimize.option', `Option --${optionName(path)}: ${message}.`);
  }
  const { sampler, stopper, resource, goals, ...rest } = result.data;
  return {
    ...rest,
    name: 'optimize',
    space: parseSearchSpace(space),
    sampler: { type: sampler },
    stopper: stopperSpec(stopper, resource),
    goals: goals.map((goal, index) => ({ metric: goals.length === 1 ? 'value' : `values[${index}]`, goal })),
    retries: 0,
  };
}

function stopperSpec(type: StopperSpec['type'] | undefined, resource: number | undefined): StopperSpec | null {
  if (type === 'asha') return { type, maxResource: resource };
  if (type === 'hyperband' && resource !== undefined) return { type, maxResource: resource };
  if (type === 'hyperband') {
    throw new SlipwayError('optimize.option', 'The stopper hyperband needs --resource, the last step of a trial.');
  }
  if (resource === undefined) return type ? { type } : null;
  throw new SlipwayError('optimize.option', '--resource is for the stoppers asha and hyperband.');
}

/** The option of the command line that a path in the options stands for. */
function optionName(path: readonly PropertyKey[]): string {
  return path[0] === 'goals' ? 'goal' : String(path[0] ?? 'options');
}

const reportedNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]);
const trialNumber = z.number().int().nonnegative();
const stepNumber = z.number().int().nonnegative().optional();
const lineSchema = z.union([
  z.strictObject({ trial: trialNumber, failed: z.literal(true) }),
  z.strictObject({ trial: trialNumber, value: reportedNumber, step: stepNumber }),
  z.strictObject({ trial: trialNumber, values: z.array(reportedNumber).min(1), step: stepNumber }),
]);

const lineHint =
  'A line is {"trial":0,"value":0.3}, {"trial":0,"values":[0.3,1]}, {"trial":0,"failed":true} or {"trial":0,"step":5,"value":0.4}.';

function parseLine(line: string): z.infer<typeof lineSchema> {
  let json: unknown;
  try {
    json = JSON.parse(quoteNonFinite(line));
  } catch {
    throw new SlipwayError('optimize.line', `This line is no JSON: ${line.trim()}`, lineHint);
  }
  const result = lineSchema.safeParse(json);
  if (!result.success) throw new SlipwayError('optimize.line', `This line is not understood: ${line.trim()}`, lineHint);
  return result.data;
}

/** Python's `json.dumps` writes NaN, Infinity and -Infinity bare; no string of this protocol holds these words alone. */
function quoteNonFinite(line: string): string {
  return line.replace(/([:[,]\s*)(NaN|-?Infinity)(?=\s*[,\]}])/g, '$1"$2"');
}
