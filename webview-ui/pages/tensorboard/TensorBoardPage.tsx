// The real TensorBoard in a frame: it starts for this panel, tells its progress, and ends with it.
import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../../../server/protocol/operations.ts';
import { ErrorNote, PageHead } from '../../components/layout.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useAction, useClient, usePageTitle, useRun, useSignal, useTopic } from '../../store/hooks.ts';
import './tensorboard.css';

export function TensorBoardPage({ runs }: { runs: string[] }) {
  const client = useClient();
  const { act, error } = useAction();
  const [opened, setOpened] = useState<Answer<'openTensorBoard'>>();
  const [round, setRound] = useState(0);
  const operation = useTopic('operations').byId.get(opened?.operation ?? '');
  const external = useSignal(client.externalUrls).get(opened?.url ?? '');
  const { run } = useRun(runs[0] ?? '');
  const title = runs.length === 1 ? run && `TensorBoard: ${run.title}` : m.tensorBoardOf(count(runs.length));
  usePageTitle({ page: 'tensorboard', runs }, title);

  // the runs count by content; a new round opens it again
  useEffect(() => {
    let id: string | undefined;
    let isGone = false;
    const close = () => void (id && client.call('closeTensorBoard', { params: { id } }).catch(() => undefined));
    void act('open', async () => {
      const answer = await client.call('openTensorBoard', { body: { runs } });
      id = answer.id;
      if (isGone) close();
      else setOpened(answer);
    });
    return () => {
      isGone = true;
      setOpened(undefined);
      close();
    };
  }, [client, runs.join(','), round]);

  const failure = error ?? operation?.error;
  if (failure) return <ErrorNote error={failure} onRetry={() => setRound(round + 1)} />;
  if (operation?.status === 'succeeded' && external) return <TensorBoardFrame url={external} />;
  return (
    <>
      <PageHead icon={<StatusIcon status="starting" />} title="TensorBoard" state={m.starting} />
      <p class="quiet" aria-live="polite">
        {operation ? progressText(operation.progress) : m.tensorBoardStarting}
      </p>
    </>
  );
}

function TensorBoardFrame({ url }: { url: string }) {
  const client = useClient();
  return (
    <>
      <div class="frame-bar">
        <Button appearance="icon" onClick={() => client.send({ type: 'openExternal', url })}>
          {m.openInBrowser}
        </Button>
      </div>
      {/* TensorBoard does not start without storage of its own, hence allow-same-origin. Its origin is another than ours;
          an editor that puts all ports under its own (code-server's /proxy/P/) shows it inside a page of ours. */}
      <iframe
        class="frame"
        title="TensorBoard"
        src={url}
        referrerpolicy="no-referrer"
        sandbox="allow-scripts allow-same-origin allow-downloads allow-popups allow-forms"
      />
    </>
  );
}

function progressText({ done, total, unit, message }: { done: number; total?: number; unit: string; message: string }) {
  const amount = total === undefined ? '' : `${m.ofTotal(count(done), count(total))} ${unit}`;
  return [message, amount.trim()].filter(Boolean).join(' · ');
}
