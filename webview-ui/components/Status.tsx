// States as icon, colour and word; the words stand in i18n, the look of each state here.
import { Icon, type IconName } from './Icon.tsx';

export type Tone = 'good' | 'bad' | 'busy' | 'waiting' | 'caution' | 'quiet';

/** The look of every state of every object; a state has one look wherever it appears. */
const looks: Record<string, [icon: IconName, tone: Tone]> = {
  preparing: ['clock', 'waiting'],
  waiting: ['clock', 'waiting'],
  starting: ['running', 'busy'],
  running: ['running', 'busy'],
  stepping: ['running', 'busy'],
  stopping: ['stopped', 'caution'],
  paused: ['paused', 'caution'],
  succeeded: ['check', 'good'],
  finished: ['check', 'good'],
  completed: ['check', 'good'],
  passed: ['check', 'good'],
  ready: ['check', 'good'],
  done: ['check', 'good'],
  decided: ['check', 'good'],
  cached: ['check', 'quiet'],
  stoppedEarly: ['stopped', 'quiet'],
  stopped: ['stopped', 'quiet'],
  aborted: ['stopped', 'caution'],
  cancelled: ['stopped', 'quiet'],
  skipped: ['circle', 'quiet'],
  superseded: ['circle', 'quiet'],
  retired: ['circle', 'quiet'],
  rolledBack: ['warning', 'caution'],
  lost: ['unknown', 'bad'],
  failed: ['cross', 'bad'],
};

export function StatusIcon({ status }: { status: string }) {
  const [icon, tone] = looks[status] ?? ['circle', 'quiet'];
  return (
    <span class={tone === 'busy' ? 'status-icon turning' : 'status-icon'}>
      <Icon name={icon} tone={tone} />
    </span>
  );
}

/** Icon and word together. */
export function Status({ status, label }: { status: string; label: string }) {
  return (
    <span class="status">
      <StatusIcon status={status} />
      <span>{label}</span>
    </span>
  );
}
