/** A project folder as operations take it: slipway.yaml parsed, its code captured, its scripts there. */
import { isAbsolute } from 'node:path';
import { SlipwayError } from '../../protocol/errors.ts';
import type { SlipwayFile } from '../../protocol/slipwayFile.ts';
import { readFolder } from '../bytes.ts';
import { captureCode, readProjectFile } from '../code.ts';
import type { Context } from '../context.ts';

/** Reads slipway.yaml and captures the code. @throws SlipwayError `run.noScript`, and those of the file and the capture */
export async function captureProject(
  context: Context,
  folder: string,
): Promise<{ file: SlipwayFile; code: Awaited<ReturnType<typeof captureCode>> }> {
  const file = await readProjectFile(folder);
  const leaveOut = file.dataset && !isAbsolute(file.dataset.path) ? [file.dataset.path.replace(/^\.\//, '')] : [];
  const code = await captureCode(context.objects, folder, leaveOut);
  const steps: [string, string | string[]][] = [
    ...Object.entries(file.stages).map(([name, stage]): [string, string | string[]] => [`stages.${name}`, stage.run]),
    ...(file.train ? ([['train', file.train.run]] as [string, string | string[]][]) : []),
    ...(file.validate ? ([['validate', file.validate.run]] as [string, string | string[]][]) : []),
  ];
  for (const [, command] of steps) await requireScript(context, command, code.md5);
  return { file, code };
}

/** `python train.py` needs a train.py in the captured code: better said now than after everything was prepared. */
export async function requireScript(context: Context, command: string | string[], code: string): Promise<void> {
  const words = typeof command === 'string' ? command.split(/\s+/) : command;
  if (!/^(\S*\/)?python[\d.]*$/.test(words[0] ?? '')) return;
  const script = words.slice(1).find((word) => !word.startsWith('-'));
  if (!script || !/^[\w./-]+\.py$/.test(script) || isAbsolute(script) || words.includes('-m') || words.includes('-c'))
    return;
  const entries = await entriesOfCode(context, code);
  if (entries.has(script.replace(/^\.\//, ''))) return;
  throw new SlipwayError(
    'run.noScript',
    `The script ${script} is not in the project, or is left out by .gitignore.`,
    'Create it, or correct `run` in slipway.yaml.',
    404,
  );
}

async function entriesOfCode(context: Context, code: string): Promise<Set<string>> {
  return new Set((await readFolder(context.objects, code)).map((entry) => entry.relpath));
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
