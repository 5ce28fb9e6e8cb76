// Under the head of a run: why it waits, why it ended, and what its validation decided.
import type { EntityOf, Run } from '../../../server/protocol/entities.ts';
import { GatesTable } from '../../components/GatesTable.tsx';
import { Notice } from '../../components/layout.tsx';
import { ReceiptLink, RelativeTime, RouteLink, SourceLink } from '../../components/text.tsx';
import { clock, count, m } from '../../i18n/index.ts';
import { useTopic } from '../../store/hooks.ts';

type Validation = EntityOf<'validations'>;

export function RunOutcome({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const validations = useTopic('validations', run.project).items.filter((validation) => validation.run === run.id);
  const latest = validations.sort((a, b) => b.createdAt - a.createdAt)[0];
  return (
    <>
      {run.waiting && !hasEnded && <WaitingNotice run={run} waiting={run.waiting} />}
      {run.status === 'failed' && <FailureNotice run={run} />}
      {(run.status === 'stopped' || run.status === 'lost' || run.status === 'stopping') && run.reason && (
        <Notice tone={run.status === 'lost' ? 'bad' : 'caution'}>
          <p>{run.reason}</p>
        </Notice>
      )}
      {run.status === 'succeeded' && run.cached && (
        <Notice tone="quiet">
          <p>{m.cachedRun}</p>
        </Notice>
      )}
      {latest && <ValidationNotice validation={latest} model={run.model} />}
      {run.status === 'succeeded' && !latest && run.kind === 'train' && (
        <Notice tone="good">
          <p>{m.succeededNext}</p>
        </Notice>
      )}
    </>
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
      </p>
      {waiting.startsNowIf && <p class="quiet">{waiting.startsNowIf}</p>}
      {waiting.ahead && waiting.ahead.length > 0 && (
        <p class="quiet">
          {m.ahead}{' '}
          {waiting.ahead.map((id, i) => (
            <span key={id}>
              {i > 0 && ', '}
              <RouteLink to={{ page: 'run', id }} title={id}>
                {id}
              </RouteLink>
            </span>
          ))}
        </p>
      )}
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
      {validation.gates.length > 0 && <GatesTable gates={validation.gates} />}
      <p class="facts">
        {model && <span>{m.registeredAs(model)}</span>}
        {validation.validateRun && (
          <RouteLink to={{ page: 'run', id: validation.validateRun }} title={validation.validateRun}>
            {m.validationRun}
          </RouteLink>
        )}
        {validation.receipt && <ReceiptLink id={validation.receipt} />}
      </p>
    </Notice>
  );
}
