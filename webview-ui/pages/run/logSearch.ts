import { stripAnsi } from '../../format/ansi.ts';
import type { LogLine } from '../../store/logLines.ts';

/**
 * A search over a growing log: line numbers that contain the query, in any case. Remembers what it has looked at, so
 * that a new line costs only itself; begins anew when the query or the beginning of the log changes.
 */
export function createLogSearch(): (log: { lines: readonly LogLine[]; start: number }, query: string) => number[] {
  let lastQuery = '';
  let lastStart = -1;
  let looked = 0;
  let matches: number[] = [];
  return ({ lines, start }, query) => {
    const wanted = query.toLowerCase();
    if (wanted !== lastQuery || start !== lastStart || lines.length < looked) {
      [lastQuery, lastStart, looked, matches] = [wanted, start, 0, []];
    }
    if (wanted === '') return matches;
    // The last line may still grow, so it is looked at again.
    if (matches.at(-1) === looked - 1) matches.pop();
    for (let i = Math.max(0, looked - 1); i < lines.length; i += 1) {
      if (stripAnsi(lines[i]!.text).toLowerCase().includes(wanted)) matches.push(i);
    }
    looked = lines.length;
    return matches;
  };
}
