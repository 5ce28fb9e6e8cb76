import { useEffect, useRef, useState } from 'preact/hooks';
import { Button, TextField } from '../../components/toolkit.tsx';
import { m } from '../../i18n/index.ts';

const suggested = '10';

/** Asks in its own place for how many trials more. */
export function ExtendButton({ disabled, onExtend }: { disabled: boolean; onExtend: (trials: number) => void }) {
  const [asked, setAsked] = useState<string>();
  const place = useRef<HTMLFieldSetElement>(null);
  const isAsking = asked !== undefined;
  useEffect(() => {
    if (isAsking) place.current?.querySelector<HTMLElement>('vscode-text-field')?.focus();
  }, [isAsking]);
  if (asked === undefined) {
    return (
      <Button disabled={disabled} onClick={() => setAsked(suggested)}>
        {m.extend}
      </Button>
    );
  }
  const isValid = /^[1-9]\d{0,4}$/.test(asked);
  const extend = () => {
    if (!isValid) return;
    setAsked(undefined);
    onExtend(Number(asked));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter') extend();
    if (event.key === 'Escape') setAsked(undefined);
  };
  return (
    <fieldset class="confirm" ref={place}>
      <legend class="sr-only">{m.extend}</legend>
      <TextField label={m.moreTrials} value={asked} onInput={setAsked} onKeyDown={onKeyDown} />
      <Button appearance="primary" disabled={!isValid} onClick={extend}>
        {m.extend}
      </Button>
      <Button onClick={() => setAsked(undefined)}>{m.cancel}</Button>
    </fieldset>
  );
}
