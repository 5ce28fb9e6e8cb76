/** What every runtime asks of a workload before it touches anything. */
import { isAbsolute } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { type Workload, workloadIdPattern } from './runtime.ts';

/** @throws SlipwayError `workload.badId` */
export function checkId(id: string): void {
  if (workloadIdPattern.test(id)) return;
  const hint = 'Ids are lower-case letters, digits and hyphens, 63 at most.';
  throw new SlipwayError('workload.badId', `${JSON.stringify(id)} is not the id of a workload.`, hint);
}

/** @throws SlipwayError `workload.badId`, `workload.invalid` */
export function checkWorkload({ id, command, cwd, timeoutMs = 1, graceMs }: Workload): void {
  checkId(id);
  const problem =
    (command.length === 0 && 'its command is empty') ||
    (!isAbsolute(cwd) && `its folder ${cwd} is not absolute`) ||
    (!(timeoutMs > 0) && 'its timeout is not above zero') ||
    (!(graceMs >= 0) && 'its grace time is below zero');
  if (problem) throw new SlipwayError('workload.invalid', `${id} cannot be started: ${problem}.`);
}
