// Under the head of a run: why it waits, why it ended, and what its validation decided.
import type { EntityOf, Run } from '../../../server/protocol/entities.ts';
import { GatesTable } from '../../components/GatesTable.tsx';
import { Notice } from '../../components/layout.tsx';
import { Popover } from '../../components/Menu.tsx';
import { Status, type Tone } from '../../components/Status.tsx';
import { ReceiptLink, RelativeTime, RouteLink, SourceLink } from '../../components/text.tsx';
import { clock, count, m } from '../../i18n/index.ts';
import { useNow, useTopic } from '../../store/hooks.ts';

type Validation = EntityOf<'validations'>;

/**
 * The one notice under the head: how the run goes on, or why it ended and what can be done. Its place has the same
 * height in every state, so that nothing below moves when the run ends.
 */
export function RunOutcome({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const validations = useTopic('validations', run.project).items.filter((validation) => validation.run === run.id);
  const latest = validations.sort((a, b) => b.createdAt - a.createdAt)[0];
  return <div class="outcome">{noticeOf(run, hasEnded, latest)}</div>;
}

function noticeOf(run: Run, hasEnded: boolean, validation: Validation | undefined) {
  if (validation) return <ValidationNotice validation={validation} model={run.model} />;
  if (run.waiting && !hasEnded) return <WaitingNotice run={run} waiting={run.waiting} />;
  if (run.status === 'failed') return <FailureNotice run={run} />;
  if (run.status === 'stopped' || run.status === 'lost' || run.status === 'stopping') {
    return <TextNotice tone={run.status === 'lost' ? 'bad' : 'caution'} text={run.reason || m.runStatus[run.status]} />;
  }
  if (!hasEnded) return <ProgressNotice run={run} />;
  if (run.cached) return <TextNotice tone="quiet" text={m.cachedRun} />;
  return <TextNotice tone="good" text={run.kind === 'train' ? m.succeededNext : m.succeeded} />;
}

function TextNotice({ tone, text }: { tone: Tone; text: string }) {
  return (
    <Notice tone={tone}>
      <p>{text}</p>
    </Notice>
  );
}

/** How far the run is, and when it may end if it goes on like this. */
function ProgressNotice({ run }: { run: Run }) {
  const now = useNow(5000);
  const { epoch, startedAt } = run;
  const share = epoch?.total ? epoch.step / epoch.total : 0;
  const endsAt = startedAt !== undefined && share > 0 ? startedAt + (now - startedAt) / share : undefined;
  return (
    <Notice tone="busy">
      <p>{run.reason || m.runGoesOn}</p>
      <p class="quiet">
        {epoch?.total !== undefined && m.epochOf(count(epoch.step), count(epoch.total))}
        {endsAt !== undefined && ` · ${m.endsAbout(clock(endsAt))}`}
      </p>
    </Notice>
  );
}

/** Whether the estimate is worth a band: the same minute twice is none. */
function hasBand({ earliestStart, latestStart }: NonNullable<Run['waiting']>): boolean {
  return earliestStart !== undefined && latestStart !== undefined && clock(earliestStart) !== clock(latestStart);
}

function WaitingNotice({ run, waiting }: { run: Run; waiting: NonNullable<Run['waiting']> }) {
  return (
    <Notice tone="waiting">
      <p>{waiting.reason || run.reason}</p>
      <p class="quiet">
        {waiting.position !== undefined && <>{m.positionInLine(waiting.position)} · </>}
        {waiting.estimatedStart !== undefined && (
          <>
            {m.startsAbout(clock(waiting.estimatedStart))}
            {hasBand(waiting) && `, ${m.between(clock(waiting.earliestStart!), clock(waiting.latestStart!))}`}
            {waiting.basis && ` (${waiting.basis})`} ·{' '}
          </>
        )}
        {m.waitingSince} <RelativeTime at={waiting.since} />
        {waiting.ahead && waiting.ahead.length > 0 && (
          <>
            {' · '}
            {m.ahead}{' '}
            {waiting.ahead.map((id, i) => (
              <span key={id}>
                {i > 0 && ', '}
                <RouteLink to={{ page: 'run', id }} title={id}>
                  {id}
                </RouteLink>
              </span>
            ))}
          </>
        )}
      </p>
      {waiting.startsNowIf && <p class="quiet">{waiting.startsNowIf}</p>}
    </Notice>
  );
}

function FailureNotice({ run }: { run: Run }) {
  const { exception } = run;
  return (
    <Notice tone="bad">
      {exception ? (
        <p>
          <strong>{exception.type}</strong>: {exception.message}
        </p>
      ) : (
        <p>{run.reason}</p>
      )}
      <p class="quiet">
        {exception?.frame && (
          <>
            <SourceLink file={exception.frame.file} line={exception.frame.line} />
            {exception.frame.function && ` ${m.inFunction(exception.frame.function)}`} ·{' '}
          </>
        )}
        {exception && run.reason && `${run.reason} · `}
        {run.signal ? m.endedBySignal(run.signal) : run.exitCode != null ? m.exitCode(count(run.exitCode)) : m.seeLogs}
      </p>
    </Notice>
  );
}

function ValidationNotice({ validation, model }: { validation: Validation; model: string | undefined }) {
  const tone = {
    running: 'busy',
    failed: 'bad',
    decided: validation.decision === 'serve' ? 'good' : 'caution',
  } as const;
  return (
    <Notice tone={tone[validation.status]}>
      <p>
        <strong>{validation.decision ? m.decision[validation.decision] : m.validationStatus[validation.status]}</strong>
        {validation.reason && <> · {validation.reason}</>}
        {validation.how.length > 0 && (
          <> · {m.retrainWith(validation.how.map((how) => m.retrainHow(how)).join(', '))}</>
        )}
      </p>
      <div class="facts">
        {validation.gates.length > 0 && <Gates gates={validation.gates} />}
        {model && <span>{m.registeredAs(model)}</span>}
        {validation.validateRun && (
          <RouteLink to={{ page: 'run', id: validation.validateRun }} title={validation.validateRun}>
            {m.validationRun}
          </RouteLink>
        )}
        {validation.receipt && <ReceiptLink id={validation.receipt} />}
      </div>
    </Notice>
  );
}

/** The verdict of the gates in one line; each with its numbers opens over what is below, and moves nothing. */
function Gates({ gates }: { gates: Validation['gates'] }) {
  const passed = gates.filter((gate) => gate.passed).length;
  return (
    <Popover
      label={m.gates}
      button={
        <Status
          status={passed === gates.length ? 'passed' : 'failed'}
          label={m.gatesPassed(count(passed), count(gates.length))}
        />
      }
    >
      {() => <GatesTable gates={gates} />}
    </Popover>
  );
}
