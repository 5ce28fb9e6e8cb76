// What an alarm asks a person: whether to retrain, or for the labels that are missing for it.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { ConfirmButton, ErrorNote, Notice } from '../../components/layout.tsx';
import { CodeLine, RelativeTime } from '../../components/text.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useAction, useClient } from '../../store/hooks.ts';
import { feedbackLine } from './curlLine.ts';

type Monitor = EntityOf<'monitors'>;

interface ProposalNoticeProps {
  monitor: Monitor;
  proposal: NonNullable<Monitor['proposal']>;
}

export function ProposalNotice({ monitor, proposal }: ProposalNoticeProps) {
  const client = useClient();
  const { act, busy, error } = useAction();
  const answer = (accept: boolean) =>
    act('answer', async () => {
      await client.call('answerProposal', {
        params: { name: monitor.endpoint },
        body: { proposal: proposal.id, accept },
      });
    });
  const isBusy = busy !== undefined;
  return (
    <section aria-label={m.serving.proposal[proposal.kind]} class="proposal">
      <Notice tone="caution">
        <p>
          <strong>{m.serving.proposal[proposal.kind]}</strong> {proposal.reason}{' '}
          <span class="quiet">
            <RelativeTime at={proposal.at} />
          </span>
        </p>
        {proposal.kind === 'label' && (
          <>
            <p>{m.serving.labelsMissing(count(proposal.missing), count(proposal.labelled))}</p>
            <p class="quiet">{m.serving.labelsWhere}</p>
            <CodeLine text={feedbackLine(monitor.endpoint)} />
          </>
        )}
        <div class="actions">
          {proposal.kind === 'retrain' && (
            <ConfirmButton
              disabled={isBusy}
              question={m.serving.retrainQuestion}
              yes={m.serving.retrain}
              onConfirm={() => answer(true)}
            >
              {m.serving.retrain}
            </ConfirmButton>
          )}
          <Button disabled={isBusy} onClick={() => answer(false)}>
            {m.serving.notNow}
          </Button>
        </div>
        {error && <ErrorNote error={error} />}
      </Notice>
    </section>
  );
}
