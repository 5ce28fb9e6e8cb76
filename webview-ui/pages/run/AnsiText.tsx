import type { ComponentChildren } from 'preact';
import type { AnsiColor, AnsiSpan, AnsiStyle } from '../../format/ansi.ts';

/** VS Code's names of the 16 terminal colours, in their order. */
const colorNames = ['Black', 'Red', 'Green', 'Yellow', 'Blue', 'Magenta', 'Cyan', 'White'];

/** Styled text of one log line, with what is searched for marked. */
export function AnsiText({ spans, query }: { spans: AnsiSpan[]; query: string }) {
  return (
    <>
      {spans.map((span, i) => (
        // spans of one line have no other identity
        <span key={i} style={cssOf(span.style)}>
          {query === '' ? span.text : markMatches(span.text, query)}
        </span>
      ))}
    </>
  );
}

function markMatches(text: string, query: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  const [lowText, lowQuery] = [text.toLowerCase(), query.toLowerCase()];
  let from = 0;
  for (let at = lowText.indexOf(lowQuery); at >= 0; at = lowText.indexOf(lowQuery, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + query.length)}</mark>);
    from = at + query.length;
  }
  return [...parts, text.slice(from)];
}

function cssOf(style: AnsiStyle): Record<string, string | number> | undefined {
  if (Object.keys(style).length === 0) return undefined;
  const [front, back] = style.inverse
    ? [style.background ?? 'var(--background)', style.foreground ?? 'var(--text)']
    : [style.foreground, style.background];
  const decoration = [style.underline && 'underline', style.strike && 'line-through'].filter(Boolean).join(' ');
  return {
    ...(front !== undefined && { color: colorOf(front) }),
    ...(back !== undefined && { backgroundColor: colorOf(back) }),
    ...(style.bold && { fontWeight: 600 }),
    ...(style.dim && { opacity: 0.7 }),
    ...(style.italic && { fontStyle: 'italic' }),
    ...(decoration && { textDecoration: decoration }),
  };
}

function colorOf(color: AnsiColor): string {
  if (typeof color === 'string') return color;
  return `var(--vscode-terminal-ansi${color >= 8 ? 'Bright' : ''}${colorNames[color % 8]})`;
}
