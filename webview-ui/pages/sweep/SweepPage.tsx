// One sweep: the best so far, how the budget is used, the trials as they come.
import { useMemo } from 'preact/hooks';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import {
  ConfirmButton,
  EmptyState,
  ErrorNote,
  Fact,
  Loading,
  Notice,
  PageHead,
  Section,
} from '../../components/layout.tsx';
import { Meter, type MeterPart } from '../../components/Meter.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Duration, ReceiptLink, RelativeTime, RouteLink } from '../../components/text.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m, param, percent, value } from '../../i18n/index.ts';
import { useAction, useClient, useNavigate, usePageTitle, useTopic } from '../../store/hooks.ts';
import { ExtendButton } from './ExtendButton.tsx';
import { SweepCharts } from './SweepCharts.tsx';
import { stepsOf } from './steps.ts';
import { TrialsTable } from './TrialsTable.tsx';
import './sweep.css';

type Sweep = EntityOf<'sweeps'>;

export function SweepPage({ id }: { id: string }) {
  const { byId, ready, error } = useTopic('sweeps', id);
  const trials = useTopic('trials', id);
  const sweep = byId.get(id);
  usePageTitle({ page: 'sweep', id }, sweep?.title);
  if (!sweep) {
    if (error) return <ErrorNote error={error} />;
    return ready ? <EmptyState title={m.noSuchSweep(id)} /> : <Loading />;
  }
  return (
    <>
      <PageHead
        icon={<StatusIcon status={sweep.status} />}
        title={sweep.title}
        state={m.sweepStatus[sweep.status]}
        facts={<SweepFacts sweep={sweep} />}
        actions={<SweepActions sweep={sweep} />}
      />
      {sweep.reason && (
        <Notice tone={sweep.status === 'failed' ? 'bad' : 'quiet'}>
          <p>{sweep.reason}</p>
        </Notice>
      )}
      <div class="sweep-top">
        <Best sweep={sweep} />
        <Section title={m.budget} note={m.trialsOf(count(used(sweep)), count(sweep.trials))}>
          <Meter label={m.budget} parts={budgetParts(sweep)} total={Math.max(sweep.trials, used(sweep))} />
          <Steps sweep={sweep} trials={trials.items} />
        </Section>
      </div>
      <Section title={m.results} note={sweep.objective.metric}>
        <SweepCharts sweep={sweep} trials={trials.items} />
      </Section>
      <Section title={m.trials} note={count(trials.items.length)}>
        {trials.items.length === 0 && trials.ready ? (
          <EmptyState title={m.noTrialsYet} />
        ) : (
          <TrialsTable sweep={sweep} trials={trials.items} />
        )}
      </Section>
    </>
  );
}

function SweepFacts({ sweep }: { sweep: Sweep }) {
  return (
    <>
      <Fact label={m.objective}>
        {(sweep.objectives ?? [sweep.objective]).map(({ metric, goal }) => m.goal[goal](metric)).join(', ')}
      </Fact>
      <Fact label={m.sampler}>{sweep.sampler}</Fact>
      <Fact label={m.stopper}>{sweep.stopper}</Fact>
      {sweep.known !== undefined && <Fact label={m.beganFrom}>{m.knownTrials(count(sweep.known))}</Fact>}
      <Fact label={m.atOnce}>{count(sweep.parallel)}</Fact>
      <Fact label={m.duration}>
        <Duration from={sweep.createdAt} to={sweep.endedAt} />
      </Fact>
      <Fact label={m.started}>
        <RelativeTime at={sweep.createdAt} />
      </Fact>
      {sweep.receipt && <ReceiptLink id={sweep.receipt} />}
    </>
  );
}

function SweepActions({ sweep }: { sweep: Sweep }) {
  const client = useClient();
  const navigate = useNavigate();
  const { act, busy, error } = useAction();
  const change = (action: 'pause' | 'resume' | 'stop') =>
    act(action, async () => {
      await client.call('changeSweep', { params: { id: sweep.id }, body: { action } });
    });
  const isBusy = busy !== undefined;
  const { best } = sweep;
  const hasEnded = sweep.endedAt !== undefined;
  const validateBest = (run: string, title: string) =>
    act('validate', async () => {
      await client.call('startValidation', { body: { run, requestId: crypto.randomUUID() } });
      navigate({ page: 'run', id: run }, title);
    });
  return (
    <>
      {best?.run && hasEnded && (
        <Button
          appearance="primary"
          disabled={isBusy}
          onClick={() => validateBest(best.run, m.trialOf(count(best.trial)))}
        >
          {m.promoteBest}
        </Button>
      )}
      {sweep.status !== 'stopping' && sweep.trials > 0 && (
        <ExtendButton
          disabled={isBusy}
          onExtend={(trials) =>
            act('extend', async () => {
              await client.call('changeSweep', { params: { id: sweep.id }, body: { action: 'extend', trials } });
            })
          }
        />
      )}
      {sweep.status === 'running' && (
        <Button disabled={isBusy} onClick={() => change('pause')}>
          {m.pause}
        </Button>
      )}
      {sweep.status === 'paused' && (
        <Button appearance="primary" disabled={isBusy} onClick={() => change('resume')}>
          {m.resume}
        </Button>
      )}
      {(sweep.status === 'running' || sweep.status === 'paused') && (
        <ConfirmButton
          disabled={isBusy}
          question={m.stopSweepQuestion(sweep.counts.running)}
          yes={m.stop}
          onConfirm={() => change('stop')}
        >
          {m.stop}
        </ConfirmButton>
      )}
      {error && <ErrorNote error={error} />}
    </>
  );
}

function Best({ sweep }: { sweep: Sweep }) {
  const { best, objective } = sweep;
  return (
    <Section title={m.bestSoFar} note={objective.metric}>
      {best ? (
        <>
          <p class="best">
            <strong class="number">{value(best.value)}</strong>
            {best.run ? (
              <RouteLink to={{ page: 'run', id: best.run }} title={m.trialOf(count(best.trial))}>
                {m.trialOf(count(best.trial))}
              </RouteLink>
            ) : (
              m.trialOf(count(best.trial))
            )}
          </p>
          <p class="best-params">
            {Object.entries(best.params).map(([name, given]) => (
              <span key={name}>
                <span class="quiet">{name}</span> <code>{param(given)}</code>
              </span>
            ))}
          </p>
        </>
      ) : (
        <p class="quiet">{m.noBestYet}</p>
      )}
    </Section>
  );
}

/** What was trained, and what early stopping spared. */
function Steps({ sweep, trials }: { sweep: Sweep; trials: EntityOf<'trials'>[] }) {
  const steps = useMemo(() => stepsOf(trials), [trials]);
  if (steps.spent === 0) return null;
  const saved =
    sweep.stopper === 'none' || steps.saved === 0
      ? ''
      : m.stepsSaved(count(steps.saved), percent(steps.saved / (steps.spent + steps.saved)));
  return (
    <p class="quiet">
      {m.stepsSpent(count(steps.spent))} {saved}
    </p>
  );
}

function used({ counts }: Sweep): number {
  return counts.finished + counts.stoppedEarly + counts.failed + counts.stopped + counts.running;
}

function budgetParts(sweep: Sweep): MeterPart[] {
  const { counts } = sweep;
  const tones = {
    finished: 'good',
    stoppedEarly: 'quiet',
    failed: 'bad',
    stopped: 'caution',
    running: 'busy',
    waiting: 'waiting',
  } as const;
  return (Object.keys(tones) as (keyof typeof tones)[])
    .filter((status) => status !== 'stopped' || counts.stopped > 0)
    .map((status) => {
      // What was not asked yet waits as well.
      const amount = status === 'waiting' ? Math.max(counts.waiting, sweep.trials - used(sweep)) : counts[status];
      return { id: status, label: m.trialStatus[status], amount, text: count(amount), tone: tones[status] };
    });
}
