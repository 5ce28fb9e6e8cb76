// The page around a foreign application where an editor shows all ports under its own origin (code-server's /proxy/P/).
// It belongs to that origin, and so to us alone: the application runs in a frame with an opaque origin inside it.
import type { RelayAnswer, RelayRequest } from './messages.ts';

/** Of the application, e.g. `https://editor.example/proxy/4000/SECRET/`; this page is `.slipway/` below it. */
const base = new URL('../', location.href);

// The frame goes nowhere else: what it is sent is for the application alone.
const policy = document.createElement('meta');
policy.httpEquiv = 'Content-Security-Policy';
policy.content = `frame-src ${base.href}`;
document.head.append(policy);

const frame = document.createElement('iframe');
frame.title = document.title;
frame.setAttribute('sandbox', 'allow-scripts allow-downloads allow-popups');
frame.referrerPolicy = 'no-referrer';
frame.src = base.href;
addEventListener('message', ({ source, data }) => {
  if (source === frame.contentWindow) void carry(data as RelayRequest);
});
document.body.append(frame);

async function carry(request: RelayRequest): Promise<void> {
  const answer = await ask(request).catch(
    (error: Error): RelayAnswer => ({
      id: request.id,
      statusText: error.message,
      url: request.url,
      headers: [],
      body: new ArrayBuffer(0),
    }),
  );
  // An opaque origin has no name to send to.
  frame.contentWindow?.postMessage(answer, '*', [answer.body]);
}

async function ask({ id, method, url, headers, body }: RelayRequest): Promise<RelayAnswer> {
  const target = ownAddress(url);
  const answer = await fetch(target, { method, headers, body, redirect: 'error', referrerPolicy: 'no-referrer' });
  return {
    id,
    status: answer.status,
    statusText: answer.statusText,
    url: target.href,
    headers: [...answer.headers],
    body: await answer.arrayBuffer(),
  };
}

/** @throws for what is not below the application's own path; an escaped separator may be one to whoever unescapes it */
function ownAddress(url: string): URL {
  const target = new URL(url, base);
  const isOwn = target.origin === base.origin && target.pathname.startsWith(base.pathname);
  const rest = target.pathname.slice(base.pathname.length);
  if (!isOwn || /%2f|%5c|%2e/i.test(rest) || rest.startsWith('.slipway')) throw new Error('not the application’s own');
  return target;
}
