// Small pieces of text that follow the manners of all pages: times relative with the exact one on hover, long names cut
// in the middle, links that lead to pages, values that can be copied.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { middleEllipsis } from '../../server/protocol/format/number.ts';
import { relativeTimeStepMs } from '../../server/protocol/format/time.ts';
import { type PageRoute, routePath } from '../../server/protocol/pages.ts';
import { exact, m, relative, span } from '../i18n/index.ts';
import { useClient, useNavigate, useNow } from '../store/hooks.ts';
import { Icon } from './Icon.tsx';
import { Button } from './toolkit.tsx';

const copiedMs = 1500;

export function RelativeTime({ at }: { at: number }) {
  const now = useNow(relativeTimeStepMs(at, Date.now()));
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}

/** From the start to the end, or to this moment while it lasts. */
export function Duration({ from, to }: { from: number; to?: number }) {
  const now = useNow(to === undefined ? 1000 : 3_600_000);
  return <span class="number">{span((to ?? Math.max(now, from)) - from)}</span>;
}

export function Badge({ children }: { children: ComponentChildren }) {
  return <span class="badge">{children}</span>;
}

export function MiddleText({ text, length = 40 }: { text: string; length?: number }) {
  return <span title={text}>{middleEllipsis(text, length)}</span>;
}

/** A link to another page of ours; in a browser also for a new tab. */
export function RouteLink({ to, title, children }: { to: PageRoute; title: string; children: ComponentChildren }) {
  const navigate = useNavigate();
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    navigate(to, title);
  };
  return (
    <a href={`/${routePath(to)}`} onClick={follow}>
      {children}
    </a>
  );
}

/** The receipt of something: quiet, one icon, until somebody asks. */
export function ReceiptLink({ id }: { id: string }) {
  return (
    <RouteLink to={{ page: 'receipt', id }} title={m.receipt}>
      <Icon name="receipt" /> {m.receipt}
    </RouteLink>
  );
}

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const client = useClient();
  const [copied, setCopied] = useState(false);
  const copy = () => {
    client.send({ type: 'copy', text });
    setCopied(true);
    setTimeout(() => setCopied(false), copiedMs);
  };
  return (
    <Button appearance="icon" onClick={copy} label={label ?? m.copy}>
      <Icon name={copied ? 'check' : 'copy'} />
      <span class="sr-only" aria-live="polite">
        {copied ? m.copied : ''}
      </span>
    </Button>
  );
}

/** A digest: enough of it to compare by eye, all of it on hover and to copy. */
export function Digest({ value, name }: { value: string; name?: string }) {
  return (
    <span class="digest">
      {name && <span class="quiet">{name}</span>}
      <code title={value}>{middleEllipsis(value, 17)}</code>
      <CopyButton text={value} />
    </span>
  );
}

/** A place in a source file: VS Code opens it, a browser copies it. */
export function SourceLink({ file, line }: { file: string; line: number }) {
  const client = useClient();
  const open = () => client.send({ type: 'openSource', file, line });
  return (
    <button type="button" class="link" onClick={open} title={client.kind === 'vscode' ? m.openSource : m.copyPath}>
      <code>{`${middleEllipsis(file, 60)}:${line}`}</code>
    </button>
  );
}

/** A program's text with a button that copies it. */
export function CodeLine({ text }: { text: string }) {
  return (
    <div class="code-line">
      <pre>{text}</pre>
      <CopyButton text={text} />
    </div>
  );
}
