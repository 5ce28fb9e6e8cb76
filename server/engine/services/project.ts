/** A project folder as operations take it: slipway.yaml parsed, its code captured, its scripts there. */
import { isAbsolute } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import type { SlipwayFile } from '../../protocol/slipwayFile.ts';
import { captureCode, listCode, readProjectFile } from '../code.ts';
import type { Context } from '../context.ts';

/**
 * Reads slipway.yaml and captures the code.
 * @param step a step that is wanted of it: train, or a stage
 * @throws SlipwayError `run.unknownStep`, `run.noScript`, and those of the file and the capture
 */
export async function captureProject(
  context: Context,
  folder: string,
  step = 'train',
): Promise<{ file: SlipwayFile; code: Awaited<ReturnType<typeof captureCode>> }> {
  const file = await readProjectFile(folder);
  if (step !== 'train') requireStage(file, step);
  const leaveOut = file.dataset && !isAbsolute(file.dataset.path) ? [file.dataset.path.replace(/^\.\//, '')] : [];
  const names = new Set(await listCode(folder, leaveOut));
  const steps = [...Object.values(file.stages), file.train, file.validate];
  // Before anything is stored: what is refused leaves nothing behind.
  for (const step of steps) if (step) requireScript(step.run, names);
  return { file, code: await captureCode(context.objects, folder, leaveOut) };
}

function requireStage(file: SlipwayFile, step: string): void {
  if (Object.hasOwn(file.stages, step)) return;
  const known = Object.keys(file.stages).join(', ') || 'none';
  throw new SlipwayError('run.unknownStep', `slipway.yaml has no stage ${step}.`, `Stages: ${known}; or train.`, 404);
}

/** `python train.py` needs a train.py in the project: better said now than after everything was prepared. */
function requireScript(command: string | string[], names: ReadonlySet<string>): void {
  const words = typeof command === 'string' ? command.split(/\s+/) : command;
  if (!/^(\S*\/)?python[\d.]*$/.test(words[0] ?? '')) return;
  const script = words.slice(1).find((word) => !word.startsWith('-'));
  if (!script || !/^[\w./-]+\.py$/.test(script) || isAbsolute(script) || words.includes('-m') || words.includes('-c'))
    return;
  if (names.has(script.replace(/^\.\//, ''))) return;
  throw new SlipwayError(
    'run.noScript',
    `The script ${script} is not in the project, or is left out by .gitignore.`,
    'Create it, or correct `run` in slipway.yaml.',
    404,
  );
}

/** A project's name where no slipway.yaml gives one: the folder's, made to fit the rule. */
export function projectName(folder: string): string {
  const name = (folder.split('/').filter(Boolean).at(-1) ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 53)
    .replaceAll(/^-+|-+$/g, '');
  return name.length >= 2 ? name : 'program';
}
