/**
 * Messages between our pages and whatever hosts them. In VS Code the extension answers them with its own token; in a
 * browser the page's own host answers them over HTTP and the WebSocket. Every kind is declared here once; the handler
 * tables on both sides are typed by it, so that a kind without a handler does not compile.
 */
import type { ErrorBody } from './errors.ts';
import type { ClientMessage, ServerMessage } from './events.ts';
import type { OperationName } from './operations.ts';

/** Which page a panel shows, and of what. Serialized to bring panels back after a reload. */
export type PageRoute =
  | { page: 'home' }
  | { page: 'run'; id: string }
  /** Runs side by side: named ones, those of a project or a sweep, or all. */
  | { page: 'compare'; runs?: string[] | undefined; project?: string | undefined; sweep?: string | undefined }
  | { page: 'sweep'; id: string }
  | { page: 'endpoint'; name: string }
  | { page: 'modelVersion'; name: string; version: number }
  | { page: 'receipt'; id: string }
  | { page: 'receipts'; project: string; subject?: string }
  | { page: 'tensorboard'; runs: string[] };

/** What a page may call: everything except what hands out access. */
export type PageOperation = Exclude<OperationName, 'createSession' | 'createTicket' | 'registerOrigin' | 'handOver'>;

/** From the page to its host. */
export type PageMessage =
  | { type: 'ready' }
  | { type: 'call'; id: number; operation: PageOperation; input: { params?: unknown; query?: unknown; body?: unknown } }
  | { type: 'subscribe'; message: ClientMessage }
  | { type: 'navigate'; route: PageRoute; title: string }
  | { type: 'openSource'; file: string; line: number }
  | { type: 'openExternal'; url: string }
  | { type: 'copy'; text: string }
  /** A file for the reader, as bytes: the editor asks where to, a browser downloads it. */
  | { type: 'save'; name: string; base64: string };

/** From the host to the page. */
export type HostMessage =
  | { type: 'init'; route: PageRoute; locale: string }
  | { type: 'answer'; id: number; result: unknown }
  | { type: 'refusal'; id: number; error: ErrorBody }
  | { type: 'event'; message: ServerMessage }
  | { type: 'connection'; state: 'connected' | 'connecting' | 'lost'; since: number }
  /** The address of a foreign application as the reader's browser reaches it. */
  | { type: 'externalUrl'; url: string; external: string };

/** A handler for every kind of message; leaving one out does not compile. */
export type Handlers<M extends { type: string }> = { [K in M['type']]: (message: Extract<M, { type: K }>) => void };

/** `run/r1abc`, `endpoint/digits`: the route as it stands in a browser's address. */
export function routePath(route: PageRoute): string {
  switch (route.page) {
    case 'home':
      return '';
    case 'run':
    case 'sweep':
    case 'receipt':
      return `${route.page}/${encodeURIComponent(route.id)}`;
    case 'endpoint':
      return `endpoint/${encodeURIComponent(route.name)}`;
    case 'modelVersion':
      return `model/${encodeURIComponent(route.name)}/v${route.version}`;
    case 'receipts':
      return `receipts/${encodeURIComponent(route.project)}${route.subject ? `/${encodeURIComponent(route.subject)}` : ''}`;
    case 'compare':
      return comparePath(route);
    case 'tensorboard':
      return `tensorboard/${route.runs.map(encodeURIComponent).join(',')}`;
  }
}

function comparePath({ runs, project, sweep }: Extract<PageRoute, { page: 'compare' }>): string {
  if (runs) return `compare/runs/${runs.map(encodeURIComponent).join(',')}`;
  if (project) return `compare/project/${encodeURIComponent(project)}`;
  return sweep ? `compare/sweep/${encodeURIComponent(sweep)}` : 'compare';
}

/** The inverse of {@link routePath}; what it does not know, or cannot decode, is the home page. */
export function parseRoute(path: string): PageRoute {
  try {
    return decodeRoute(path);
  } catch (error) {
    if (error instanceof URIError) return { page: 'home' };
    throw error;
  }
}

function decodeRoute(path: string): PageRoute {
  const [page, first, second] = path.replace(/^\/+/, '').split('/');
  const value = first ? decodeURIComponent(first) : '';
  if (value && (page === 'run' || page === 'sweep' || page === 'receipt')) return { page, id: value };
  if (value && page === 'endpoint') return { page, name: value };
  const version = Number(/^v([1-9]\d{0,8})$/.exec(second ?? '')?.[1]);
  if (value && page === 'model' && version > 0) return { page: 'modelVersion', name: value, version };
  if (value && page === 'receipts') {
    return second ? { page, project: value, subject: decodeURIComponent(second) } : { page, project: value };
  }
  if (value && page === 'tensorboard') return { page, runs: decodeList(first!) };
  if (page === 'compare') return compareRoute(first, second);
  return { page: 'home' };
}

function compareRoute(by: string | undefined, text: string | undefined): PageRoute {
  if (!by) return { page: 'compare' };
  if (by === 'runs' && text) return { page: 'compare', runs: decodeList(text) };
  if ((by === 'project' || by === 'sweep') && text) return { page: 'compare', [by]: decodeURIComponent(text) };
  return { page: 'home' };
}

function decodeList(text: string): string[] {
  return text.split(',').map(decodeURIComponent);
}

/** Below a foreign application's address: where it is shown apart from the origin that it is reached under. */
export const isolatedPath = '.slipway/';

/**
 * The hash of an empty inline style (Content Security Policy): the component toolkit makes one, to find out what the
 * browser can do.
 */
export const emptyStyleHash = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
