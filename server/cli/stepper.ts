import { alignColumns } from './output.ts';
import type { Shell } from './shell.ts';

interface Step {
  id: string;
  status: string;
}

/**
 * Shows steps as they go on: on a terminal a list that is drawn over itself, once a second for the times; elsewhere a
 * line for each change of a status; nothing with `--json`.
 * @param cells the columns of a step at a time in milliseconds since 1970
 */
export function createStepper<S extends Step>(
  shell: Shell,
  cells: (step: S, now: number) => string[],
): { update(steps: readonly S[]): void; end(): void } {
  if (shell.json) return { update: () => {}, end: () => {} };
  return shell.stderr.isTTY ? liveList(shell, cells) : plainLines(shell, cells);
}

function plainLines<S extends Step>(shell: Shell, cells: (step: S, now: number) => string[]) {
  const seen = new Map<string, string>();
  return {
    update(steps: readonly S[]) {
      for (const step of steps) {
        if (seen.get(step.id) === step.status) continue;
        seen.set(step.id, step.status);
        if (step.status !== 'waiting') shell.stderr.write(`${cells(step, Date.now()).filter(Boolean).join('  ')}\n`);
      }
    },
    end: () => {},
  };
}

function liveList<S extends Step>(shell: Shell, cells: (step: S, now: number) => string[]) {
  let latest: readonly S[] = [];
  let drawn = 0;
  let isOver = false;
  const draw = () => {
    const width = (shell.stderr.columns || 80) - 1;
    const lines = alignColumns(latest.map((step) => cells(step, Date.now()))).split('\n');
    const up = drawn > 0 ? `\u001b[${drawn}A` : '';
    // Without the escapes of colours a cut line would keep its colour on: each line ends with a reset.
    shell.stderr.write(`${up}\r\u001b[J${lines.map((line) => `${cut(line, width)}\u001b[0m`).join('\n')}\n`);
    drawn = lines.length;
  };
  const clock = setInterval(draw, 1000);
  return {
    update(steps: readonly S[]) {
      latest = steps;
      draw();
    },
    end() {
      if (isOver) return;
      isOver = true;
      clearInterval(clock);
    },
  };
}

/** The first columns of a line; escape sequences take none. */
function cut(line: string, columns: number): string {
  let room = columns;
  const parts = line.match(/\p{Cc}\[[0-9;]*m|[\s\S]/gu) ?? [];
  return parts.filter((part) => part.length > 2 || room-- > 0).join('');
}
