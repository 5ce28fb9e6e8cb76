/** The files of a workload's folder as the control plane reads them: checked, since a folder may be old or damaged. */
import * as z from 'zod';
import { SlipwayError } from '../../protocol/errors.ts';
import { type Exited, files, readRecord, type Started, type StoredWorkload } from './folder.ts';

const processId = z.object({ pid: z.int().positive(), startToken: z.string() });

const workloadSchema: z.ZodType<StoredWorkload> = z.object({
  id: z.string(),
  kind: z.enum(['run', 'devpod', 'service']),
  command: z.array(z.string()).min(1),
  cwd: z.string(),
  env: z.record(z.string(), z.string()),
  secretFiles: z.record(z.string(), z.string()).optional(),
  gpus: z.array(z.int()).optional(),
  timeoutMs: z.number().optional(),
  graceMs: z.number(),
  mark: z.string().min(1),
  leases: z.object({ folder: z.string(), gpus: z.array(z.string()), owner: z.string() }).optional(),
});

const startedSchema: z.ZodType<Started> = z.object({
  at: z.number(),
  host: z.string(),
  bootId: z.string(),
  launcher: processId,
  work: processId.optional(),
});

const exitedSchema: z.ZodType<Exited> = z.object({
  at: z.number(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  reason: z.enum(['exited', 'signalled', 'timeout', 'stopped', 'lost', 'notStarted', 'slotTaken']),
  detail: z.string(),
});

/** Undefined when the folder holds no such file. All three throw SlipwayError `runtime.recordDamaged`. */
export const readWorkload = (folder: string) => read(folder, files.workload, workloadSchema);
export const readStarted = (folder: string) => read(folder, files.started, startedSchema);
export const readExited = (folder: string) => read(folder, files.exited, exitedSchema);

async function read<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    const record = await readRecord(folder, name);
    return record === undefined ? undefined : schema.parse(record);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    const message = `${folder}/${name} is damaged: ${error.message}`;
    throw new SlipwayError('runtime.recordDamaged', message, 'A disk fault or another program changed it.', 500, {
      cause: error,
    });
  }
}
