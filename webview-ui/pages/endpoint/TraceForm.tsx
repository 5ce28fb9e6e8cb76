// From an answer back: a pasted id leads to the model version that gave it.
import { useState } from 'preact/hooks';
import { ErrorNote, Section } from '../../components/layout.tsx';
import { Button, TextField } from '../../components/toolkit.tsx';
import { m } from '../../i18n/index.ts';
import { useAction, useClient, useNavigate } from '../../store/hooks.ts';

export function TraceForm() {
  const client = useClient();
  const navigate = useNavigate();
  const { act, busy, error } = useAction();
  const [id, setId] = useState('');
  const text = id.trim();
  const trace = () =>
    act('trace', async () => {
      const { model: name, version } = await client.call('tracePrediction', { params: { id: text } });
      navigate({ page: 'modelVersion', name, version }, `${name} v${version}`);
    });
  const isReady = text !== '' && busy === undefined;
  return (
    <Section title={m.serving.answerTrace}>
      <p class="quiet">{m.serving.answerTraceHint}</p>
      <div class="actions trace-form">
        <TextField
          label={m.serving.answerTracePlaceholder}
          value={id}
          onInput={setId}
          onKeyDown={(event) => event.key === 'Enter' && isReady && trace()}
        />
        <Button disabled={!isReady} onClick={trace}>
          {m.serving.trace}
        </Button>
      </div>
      {error && <ErrorNote error={error} />}
    </Section>
  );
}
