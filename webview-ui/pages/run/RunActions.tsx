import type { Run } from '../../../server/protocol/entities.ts';
import { ConfirmButton, ErrorNote } from '../../components/layout.tsx';
import { Button } from '../../components/toolkit.tsx';
import { m } from '../../i18n/index.ts';
import { useAction, useClient, useNavigate } from '../../store/hooks.ts';

/** What can be done with a run, next to its title; a refusal shows right below. */
export function RunActions({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const client = useClient();
  const navigate = useNavigate();
  const { act, busy, error } = useAction();

  const stop = () =>
    act('stop', async () => {
      await client.call('stopRun', { params: { id: run.id }, body: {} });
    });
  const validate = () =>
    act('validate', async () => {
      await client.call('startValidation', { body: { run: run.id, requestId: crypto.randomUUID() } });
    });
  const runAgain = () =>
    act('again', async () => {
      const body = { folder: run.folder, step: run.step, params: givenParams(run), title: run.title };
      const started = await client.call('startRun', { body: { ...body, requestId: crypto.randomUUID() } });
      navigate({ page: 'run', id: started.id }, started.title);
    });
  const rollOut = (model: string) =>
    act('rollOut', async () => {
      const rollout = await client.call('startRollout', {
        body: { model, folder: run.folder, requestId: crypto.randomUUID() },
      });
      navigate({ page: 'endpoint', name: rollout.endpoint }, rollout.endpoint);
    });

  const isTraining = run.kind === 'train' || run.kind === 'trial';
  const { model } = run;
  return (
    <>
      <Button onClick={() => navigate({ page: 'tensorboard', runs: [run.id] }, `TensorBoard: ${run.title}`)}>
        TensorBoard
      </Button>
      <Button onClick={() => navigate({ page: 'compare', project: run.project }, m.compareRuns)}>{m.compare}</Button>
      {hasEnded && (run.kind === 'train' || run.kind === 'stage') && (
        <Button disabled={busy !== undefined} onClick={runAgain}>
          {m.runAgain}
        </Button>
      )}
      {run.status === 'succeeded' && isTraining && (
        <Button appearance={model ? 'secondary' : 'primary'} disabled={busy !== undefined} onClick={validate}>
          {m.validate}
        </Button>
      )}
      {model && (
        <Button appearance="primary" disabled={busy !== undefined} onClick={() => rollOut(model)}>
          {m.rollOut}
        </Button>
      )}
      {!hasEnded && (
        <ConfirmButton
          question={m.stopRunQuestion}
          yes={m.stop}
          onConfirm={stop}
          disabled={busy !== undefined || run.status === 'stopping'}
        >
          {m.stop}
        </ConfirmButton>
      )}
      {error && <ErrorNote error={error} />}
    </>
  );
}

/** The parameters as they can be asked for again: a parameter without a value takes its default. */
function givenParams(run: Run): Record<string, string | number | boolean> {
  return Object.fromEntries(Object.entries(run.params).filter(([, value]) => value !== null)) as Record<
    string,
    string | number | boolean
  >;
}
