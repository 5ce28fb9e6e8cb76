/**
 * Foreign applications where an editor shows all ports under its own origin (code-server's `/proxy/P/`): a script of
 * theirs would reach the editor itself there. Everything of theirs is answered as a document with an opaque origin; what
 * such a document lacks, `webview-ui/foreign/` gives it, with a page of ours around it that carries its requests.
 */
import { readFile } from 'node:fs/promises';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { isolatedPath } from '../protocol/pages.ts';

/** Below an application's path: the page of ours, and its script. */
export const relayPath = `/${isolatedPath}`;

const sandbox = 'sandbox allow-scripts allow-downloads allow-popups';
const noSniff = { 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-cache' };

const relayDocument = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>TensorBoard</title>
    <link rel="stylesheet" href="relay.css">
  </head>
  <body><script type="module" src="relay.js"></script></body>
</html>
`;
const relayStyle = 'html, body, iframe { width: 100%; height: 100%; margin: 0; border: 0; display: block; }\n';

/** Answers the page around the application and its parts. @returns false for a path that is none of them */
export async function answerRelay(path: string, response: ServerResponse, pagesFolder: string): Promise<boolean> {
  const parts: Record<string, () => Promise<[type: string, bytes: string | Buffer]>> = {
    '': async () => ['text/html; charset=utf-8', relayDocument],
    'relay.css': async () => ['text/css; charset=utf-8', relayStyle],
    'relay.js': async () => ['text/javascript; charset=utf-8', await readFile(join(pagesFolder, 'relay.js'))],
  };
  const [name] = path.slice(relayPath.length).split('?');
  if (!Object.hasOwn(parts, name!)) return false;
  const [type, bytes] = await parts[name!]!();
  const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'";
  response.writeHead(200, { ...noSniff, 'Content-Type': type, 'Content-Security-Policy': policy }).end(bytes);
  return true;
}

/** The headers of an application's answer, so that a document among them has an opaque origin in a tab, too. */
export function isolated(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const own = headers['content-security-policy'];
  return { ...headers, 'content-security-policy': own === undefined ? sandbox : `${own}, ${sandbox}` };
}

/**
 * A document of an application as it runs with an opaque origin: first what it lacks, and its scripts in it, since the
 * editor's cookie comes with none of its own requests.
 * @param read a script by its relative address
 */
export async function isolatedDocument(
  html: string,
  pagesFolder: string,
  read: (url: string) => Promise<string>,
): Promise<{ html: string; headers: OutgoingHttpHeaders }> {
  const scripts = /<script\b([^>]*?)\ssrc="(?!https?:|\/\/)([^"]+)"([^>]*)><\/script>/g;
  const parts: string[] = [];
  let end = 0;
  for (const match of html.matchAll(scripts)) {
    const code = inScript(await read(match[2]!.replaceAll('&amp;', '&')));
    parts.push(html.slice(end, match.index), `<script${match[1]}${match[3]}>${code}</script>`);
    end = match.index + match[0].length;
  }
  const whole = parts.join('') + html.slice(end);
  const first = `<script>${inScript(await readFile(join(pagesFolder, 'frame.js'), 'utf8'))}</script>`;
  const head = /<head[^>]*>/i.exec(whole);
  const at = head ? head.index + head[0].length : 0;
  return { html: whole.slice(0, at) + first + whole.slice(at), headers: { 'content-security-policy': documentPolicy } };
}

/** It talks to its relay only. */
const documentPolicy = [
  sandbox,
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval'",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'font-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function inScript(code: string): string {
  return code.replaceAll(/<\/(script)/gi, '<\\/$1').replaceAll('<!--', '<\\!--');
}
