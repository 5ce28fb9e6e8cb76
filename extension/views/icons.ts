import type { Run, Sweep, Trial } from '../../server/protocol/entities.ts';
import type { RowIcon } from './row.ts';

/** The look of a state; a state has one look wherever it appears. */
export const looks = {
  busy: { name: 'loading~spin', color: 'charts.blue' },
  waiting: { name: 'clock', color: 'charts.yellow' },
  good: { name: 'pass', color: 'testing.iconPassed' },
  quiet: { name: 'circle-outline', color: 'disabledForeground' },
  cached: { name: 'history', color: 'testing.iconPassed' },
  stopped: { name: 'stop-circle', color: 'disabledForeground' },
  paused: { name: 'debug-pause', color: 'charts.yellow' },
  bad: { name: 'error', color: 'testing.iconFailed' },
  unknown: { name: 'question', color: 'charts.orange' },
  caution: { name: 'warning', color: 'charts.orange' },
  serving: { name: 'pass-filled', color: 'testing.iconPassed' },
  canary: { name: 'color-mode', color: 'charts.blue' },
} as const satisfies Record<string, RowIcon>;

export function runIcon(run: Run): RowIcon {
  if (run.status === 'succeeded') return run.cached ? looks.cached : looks.good;
  const byStatus = {
    preparing: looks.busy,
    waiting: looks.waiting,
    starting: looks.busy,
    running: looks.busy,
    stopping: looks.stopped,
    failed: looks.bad,
    stopped: looks.stopped,
    lost: looks.unknown,
  };
  return byStatus[run.status];
}

export const sweepIcons: Record<Sweep['status'], RowIcon> = {
  running: looks.busy,
  paused: looks.paused,
  stopping: looks.stopped,
  finished: looks.good,
  stopped: looks.stopped,
  failed: looks.bad,
};

export const trialIcons: Record<Trial['status'], RowIcon> = {
  waiting: looks.waiting,
  running: looks.busy,
  finished: looks.good,
  stoppedEarly: looks.stopped,
  stopped: looks.stopped,
  failed: looks.bad,
};
