import { t } from './language.ts';

/** The word for a state of a run, sweep, trial, rollout step, rollout or revision. */
export function stateWord(state: string): string {
  const words: Record<string, string> = {
    preparing: t('preparing'),
    waiting: t('waiting'),
    starting: t('starting'),
    running: t('running'),
    stepping: t('running'),
    stopping: t('stopping'),
    paused: t('paused'),
    succeeded: t('succeeded'),
    finished: t('finished'),
    completed: t('completed'),
    passed: t('passed'),
    ready: t('ready'),
    failed: t('failed'),
    stopped: t('stopped'),
    stoppedEarly: t('stopped early'),
    lost: t('lost'),
    rolledBack: t('rolled back'),
    aborted: t('aborted'),
    superseded: t('superseded'),
    retired: t('retired'),
  };
  return words[state] ?? state;
}
