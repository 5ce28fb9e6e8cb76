/** Our own pages in a browser: one document for every route, its script and its style. They hold no data. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';
import { emptyStyleHash, type PageRoute, parseRoute, routePath } from '../protocol/pages.ts';
import { MethodNotAllowed, unknownPath } from './router.ts';

interface Asset {
  modifiedMs: number;
  etag: string;
  bytes: Buffer;
}

const mediaTypes: Record<string, string> = {
  '/main.js': 'text/javascript; charset=utf-8',
  '/main.css': 'text/css; charset=utf-8',
};

const title = 'Slipway';
const document = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/main.css">
  </head>
  <body>
    <div id="app"></div>
    <script type="module" src="/main.js"></script>
  </body>
</html>
`;

/** The route that a path names; undefined where it is no page. */
export function pageRoute(path: string): PageRoute | undefined {
  try {
    const route = parseRoute(path);
    return route.page !== 'home' || path === '/' || path === '' ? route : undefined;
  } catch {
    return undefined; // not percent-encoded UTF-8
  }
}

/** The path of a page, in its one spelling. @throws SlipwayError 400 `request.invalid` for what is no page */
export function pagePath(page: string): string {
  const route = pageRoute(page.startsWith('/') ? page : `/${page}`);
  if (!route) throw new SlipwayError('request.invalid', 'body.page: There is no such page.', 'For example run/ID.');
  return `/${routePath(route)}`;
}

/** Answers `/`, the routes of pages, `/main.js` and `/main.css`. */
export class Pages {
  readonly #folder: string;
  readonly #frameOrigin: string;
  readonly #assets = new Map<string, Asset>();

  /**
   * @param folder with main.js and main.css
   * @param frameOrigin of foreign applications, which pages show in frames
   */
  constructor(folder: string, frameOrigin: string) {
    this.#folder = folder;
    this.#frameOrigin = frameOrigin;
  }

  /** @throws SlipwayError 404, 405 */
  async answer(request: IncomingMessage, response: ServerResponse, path: string, host: string): Promise<void> {
    const isAsset = Object.hasOwn(mediaTypes, path);
    if (!isAsset && !pageRoute(path)) throw unknownPath();
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new MethodNotAllowed(['GET', 'HEAD']);
    const { etag, bytes } = isAsset ? await this.#asset(path) : { etag: '', bytes: Buffer.from(document) };
    const headers: Record<string, string> = {
      ...pageHeaders,
      'Content-Security-Policy': policyOf(host, this.#frameOrigin),
      'Content-Type': mediaTypes[path] ?? 'text/html; charset=utf-8',
      'Content-Length': String(bytes.length),
    };
    if (isAsset) headers['ETag'] = etag;
    if (isAsset && request.headers['if-none-match']?.split(/\s*,\s*/).includes(etag)) {
      delete headers['Content-Length'];
      response.writeHead(304, headers).end();
    } else response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : bytes);
  }

  async #asset(path: string): Promise<Asset> {
    const file = join(this.#folder, path);
    const found = await stat(file).catch(() => undefined);
    if (!found) {
      throw new SlipwayError(
        'pages.missing',
        `The pages are not installed: ${path} is missing.`,
        'Build or install Slipway again.',
        404,
      );
    }
    const known = this.#assets.get(path);
    if (known?.modifiedMs === found.mtimeMs) return known;
    const bytes = await readFile(file);
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    const asset = { modifiedMs: found.mtimeMs, etag, bytes };
    this.#assets.set(path, asset);
    return asset;
  }
}

const pageHeaders = {
  'Cache-Control': 'no-cache',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** @param host by which the reader reaches us, already checked; not every browser's 'self' covers WebSockets */
function policyOf(host: string, frameOrigin: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' ${emptyStyleHash}`,
    "img-src 'self' data:",
    'media-src data:',
    `connect-src 'self' ws://${host} wss://${host}`,
    `frame-src ${frameOrigin}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}
