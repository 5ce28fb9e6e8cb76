import * as z from 'zod';
import { paint } from './output.ts';
import type { Shell } from './shell.ts';

/** One thing that is wrong with a receipt or with the bytes that it speaks of. */
export const Problem = z.object({
  receipt: z.string(),
  project: z.string(),
  seq: z.number(),
  kind: z.string(),
  subject: z.string(),
  message: z.string(),
});

/** The result of a verify operation, whatever else it says. */
export const VerifyResult = z.looseObject({
  ok: z.boolean(),
  problems: z.array(z.looseObject(Problem.shape)),
  objects: z.number().optional(),
});

const shownProblems = 200;

/** One line a problem: `digits/12 model:digits@v3: …`. */
export function problemsText(shell: Shell, problems: readonly z.infer<typeof Problem>[]): string {
  const lines = problems.slice(0, shownProblems).map(({ project, seq, subject, message }) => {
    const place = project ? `${project}/${seq} ` : '';
    return `${paint(shell, 'red', '✗')} ${place}${subject}: ${message}`;
  });
  if (problems.length > shownProblems) lines.push(`… and ${problems.length - shownProblems} more: --json`);
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [...lines, count].join('\n');
}
