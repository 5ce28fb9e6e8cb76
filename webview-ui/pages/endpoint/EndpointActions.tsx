import type { EntityOf } from '../../../server/protocol/entities.ts';
import { ConfirmButton, ErrorNote } from '../../components/layout.tsx';
import { Button } from '../../components/toolkit.tsx';
import { m } from '../../i18n/index.ts';
import { useAction, useClient } from '../../store/hooks.ts';

interface EndpointActionsProps {
  endpoint: EntityOf<'endpoints'>;
  rollout: EntityOf<'rollouts'> | undefined;
  /** The version that a roll back leads to, where it is known. */
  previous: string | undefined;
}

/** What can be done with the rollout in progress; *Roll back* is always there. */
export function EndpointActions({ endpoint, rollout, previous }: EndpointActionsProps) {
  const client = useClient();
  const { act, busy, error } = useAction();
  const change = (id: string, action: 'pause' | 'resume' | 'promote' | 'abort') =>
    act(action, async () => {
      await client.call('changeRollout', { params: { id }, body: { action } });
    });
  const rollBack = () =>
    act('rollBack', async () => {
      await client.call('rollBack', { params: { name: endpoint.name }, body: {} });
    });
  const isBusy = busy !== undefined;
  return (
    <>
      {rollout && (
        <>
          {rollout.status === 'paused' ? (
            <Button disabled={isBusy} onClick={() => change(rollout.id, 'resume')}>
              {m.resume}
            </Button>
          ) : (
            <Button disabled={isBusy} onClick={() => change(rollout.id, 'pause')}>
              {m.pause}
            </Button>
          )}
          <ConfirmButton
            disabled={isBusy}
            question={m.promoteQuestion(rollout.to)}
            yes={m.promote}
            onConfirm={() => change(rollout.id, 'promote')}
          >
            {m.promote}
          </ConfirmButton>
          <ConfirmButton
            disabled={isBusy}
            question={m.abortQuestion(rollout.from ?? '–')}
            yes={m.abort}
            onConfirm={() => change(rollout.id, 'abort')}
          >
            {m.abort}
          </ConfirmButton>
        </>
      )}
      <ConfirmButton
        disabled={isBusy}
        question={previous ? m.rollBackQuestion(previous) : m.rollBackQuestionUnknown}
        yes={m.rollBack}
        onConfirm={rollBack}
      >
        {m.rollBack}
      </ConfirmButton>
      {error && <ErrorNote error={error} />}
    </>
  );
}
