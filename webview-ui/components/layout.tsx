// How every page is laid out: head, facts, sections, notices, empty places and errors.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ErrorBody } from '../../server/protocol/errors.ts';
import { m } from '../i18n/index.ts';
import { Icon } from './Icon.tsx';
import type { Tone } from './Status.tsx';
import { Button, ProgressRing } from './toolkit.tsx';

export interface PageHeadProps {
  icon: ComponentChildren;
  title: string;
  /** The state in words: told politely to screen readers when it changes. */
  state?: string;
  facts?: ComponentChildren;
  actions?: ComponentChildren;
}

export function PageHead({ icon, title, state, facts, actions }: PageHeadProps) {
  return (
    <header class="page-head">
      <div class="page-title">
        <h1>
          {icon}
          <span>{title}</span>
          {state && (
            <span class="state" role="status" aria-live="polite">
              {state}
            </span>
          )}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {facts && <div class="facts">{facts}</div>}
    </header>
  );
}

/** One fact of a head line; nothing where there is nothing to say. */
export function Fact({ label, children }: { label?: string; children: ComponentChildren }) {
  return (
    <span class="fact">
      {label && <span class="quiet">{label}</span>}
      {children}
    </span>
  );
}

export function Section({
  title,
  note,
  children,
}: {
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="section" aria-label={title}>
      <h2>
        {title}
        {note && <span class="note">{note}</span>}
      </h2>
      {children}
    </section>
  );
}

const noticeIcons = {
  good: 'check',
  bad: 'cross',
  busy: 'running',
  waiting: 'clock',
  caution: 'warning',
  quiet: 'circle',
} as const;

/** What has to be known now, with what can be done about it. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice notice-${tone}`}>
      <Icon name={noticeIcons[tone]} tone={tone} />
      <div>{children}</div>
    </div>
  );
}

/** What happened and what can be done. */
export function ErrorNote({ error, onRetry }: { error: Pick<ErrorBody, 'message' | 'hint'>; onRetry?: () => void }) {
  return (
    <div role="alert">
      <Notice tone="bad">
        <p>{error.message}</p>
        {error.hint && <p class="quiet">{error.hint}</p>}
        {onRetry && <Button onClick={onRetry}>{m.retry}</Button>}
      </Notice>
    </div>
  );
}

/** An empty place: what belongs here, and the step that brings it. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>{title}</p>
      {children}
    </div>
  );
}

/** While the first data is on its way; appears late, so that a fast answer does not flicker. */
export function Loading() {
  return (
    <div class="loading">
      <ProgressRing label={m.loading} />
    </div>
  );
}

export interface ConfirmButtonProps {
  children: ComponentChildren;
  question: string;
  yes: string;
  onConfirm: () => void;
  disabled?: boolean;
}

/** A button for what cannot be taken back lightly: asks in its own place, answered by keyboard as well. */
export function ConfirmButton({ children, question, yes, onConfirm, disabled }: ConfirmButtonProps) {
  const [asking, setAsking] = useState(false);
  const answers = useRef<HTMLFieldSetElement>(null);
  useEffect(() => {
    if (asking) answers.current?.querySelector<HTMLElement>('vscode-button')?.focus();
  }, [asking]);
  if (!asking) {
    return (
      <Button disabled={disabled} onClick={() => setAsking(true)}>
        {children}
      </Button>
    );
  }
  const confirm = () => {
    setAsking(false);
    onConfirm();
  };
  return (
    <fieldset class="confirm" ref={answers} onKeyDown={(event) => event.key === 'Escape' && setAsking(false)}>
      <legend class="sr-only">{question}</legend>
      <span aria-live="assertive">{question}</span>
      <Button appearance="primary" onClick={confirm}>
        {yes}
      </Button>
      <Button onClick={() => setAsking(false)}>{m.cancel}</Button>
    </fieldset>
  );
}

/** Names and values one below the other, values aligned. */
export function Facts({ rows }: { rows: [name: string, value: ComponentChildren][] }) {
  return (
    <dl class="fact-list">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
