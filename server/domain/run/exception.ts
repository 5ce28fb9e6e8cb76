import type { RunException } from './run.ts';

/**
 * The last Python exception in a log: type, message, and the last frame that lies in the run's own code (else the last
 * frame). Undefined where the log ends without a traceback.
 *
 * @param log the end of the log
 * @param workFolder the run's working folder; frames inside it are given relative to it
 */
export function lastException(log: string, workFolder: string): RunException | undefined {
  const start = log.lastIndexOf('Traceback (most recent call last):');
  if (start < 0) return undefined;
  const lines = log.slice(start).split('\n').slice(1);
  const frames: NonNullable<RunException['frame']>[] = [];
  for (const line of lines) {
    const frame = /^\s+File "(.+)", line (\d+)(?:, in (.+))?$/.exec(line);
    if (frame) {
      frames.push({ file: frame[1]!, line: Number(frame[2]), function: frame[3] });
      continue;
    }
    if (line === '' || /^\s/.test(line)) continue;
    const [, type, message = ''] = /^([A-Za-z_][\w.]*)(?:: ?(.*))?$/.exec(line) ?? [];
    if (!type) return undefined;
    const own = frames.filter((one) => one.file.startsWith(`${workFolder}/`) && !one.file.includes('/site-packages/'));
    const last = own.at(-1) ?? frames.at(-1);
    const shown = last && {
      ...last,
      file: last.file.startsWith(`${workFolder}/`) ? last.file.slice(workFolder.length + 1) : last.file,
    };
    return { type, message: message.slice(0, 500), frame: shown };
  }
  return undefined;
}
