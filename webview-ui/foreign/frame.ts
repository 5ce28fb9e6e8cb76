// Runs before a foreign application's own scripts, in its frame with an opaque origin: gives it what such a frame lacks.
// Storage lasts as long as the frame, requests go through the relay around it, workers are not there.
import type { RelayAnswer, RelayRequest } from './messages.ts';

const waiting = new Map<number, (answer: RelayAnswer) => void>();
let lastId = 0;
addEventListener('message', ({ source, data }) => {
  if (source !== parent) return;
  const answer = data as RelayAnswer;
  waiting.get(answer.id)?.(answer);
  waiting.delete(answer.id);
});

function relay(request: Omit<RelayRequest, 'id'>): Promise<RelayAnswer> {
  const id = ++lastId;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    parent.postMessage({ ...request, id }, '*');
  });
}

async function relayedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const body = request.method === 'GET' || request.method === 'HEAD' ? undefined : await request.arrayBuffer();
  const sent = relay({ method: request.method, url: request.url, headers: [...request.headers], body });
  const { status, statusText, headers, body: bytes } = await sent;
  if (status === undefined) throw new TypeError(`Failed to fetch: ${statusText}`);
  const isEmpty = [101, 204, 205, 304].includes(status);
  return new Response(isEmpty ? null : bytes, { status, statusText, headers });
}

/** As much of XMLHttpRequest as applications use: asynchronous, whole answers. */
class RelayedRequest extends EventTarget {
  static readonly UNSENT = 0;
  static readonly OPENED = 1;
  static readonly HEADERS_RECEIVED = 2;
  static readonly LOADING = 3;
  static readonly DONE = 4;
  readonly UNSENT = 0;
  readonly OPENED = 1;
  readonly HEADERS_RECEIVED = 2;
  readonly LOADING = 3;
  readonly DONE = 4;
  readonly upload = new EventTarget();
  readyState = 0;
  responseType: XMLHttpRequestResponseType = '';
  status = 0;
  statusText = '';
  responseURL = '';
  timeout = 0;
  withCredentials = false;
  #method = 'GET';
  #url = '';
  readonly #sent = new Headers();
  #received = new Headers();
  #bytes = new ArrayBuffer(0);
  #isAborted = false;

  open(method: string, url: string | URL): void {
    this.#method = method;
    this.#url = String(url);
    this.#move(1);
  }

  setRequestHeader(name: string, value: string): void {
    this.#sent.append(name, value);
  }

  overrideMimeType(): void {}

  async send(data?: XMLHttpRequestBodyInit | null): Promise<void> {
    const hasBody = data !== undefined && data !== null && !/^(get|head)$/i.test(this.#method);
    const typed = new Request(document.baseURI, hasBody ? { method: 'POST', body: data } : {});
    const headers = new Headers(typed.headers);
    for (const [name, value] of this.#sent) headers.set(name, value);
    const body = hasBody ? await typed.arrayBuffer() : undefined;
    const answer = await relay({ method: this.#method, url: this.#url, headers: [...headers], body });
    if (this.#isAborted) return;
    if (answer.status === undefined) {
      this.#move(4);
      this.#end('error');
      return;
    }
    this.status = answer.status;
    this.statusText = answer.statusText;
    this.responseURL = answer.url;
    this.#received = new Headers(answer.headers);
    this.#bytes = answer.body;
    for (const state of [2, 3, 4]) this.#move(state);
    this.#end('load');
  }

  abort(): void {
    if (this.#isAborted || this.readyState === 4) return;
    this.#isAborted = true;
    this.#end('abort');
  }

  getResponseHeader(name: string): string | null {
    return this.#received.get(name);
  }

  getAllResponseHeaders(): string {
    return [...this.#received].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }

  get responseText(): string {
    return new TextDecoder().decode(this.#bytes);
  }

  get response(): unknown {
    if (this.readyState !== 4) return this.responseType === '' || this.responseType === 'text' ? '' : null;
    switch (this.responseType) {
      case 'json':
        return parsed(this.responseText);
      case 'arraybuffer':
        return this.#bytes;
      case 'blob':
        return new Blob([this.#bytes], { type: this.#received.get('content-type') ?? '' });
      default:
        return this.responseText;
    }
  }

  #move(state: number): void {
    this.readyState = state;
    this.#tell('readystatechange');
  }

  #end(how: 'load' | 'error' | 'abort'): void {
    this.#tell(how);
    this.#tell('loadend');
  }

  #tell(type: string): void {
    const size = this.#bytes.byteLength;
    const event = new ProgressEvent(type, { lengthComputable: true, loaded: size, total: size });
    (this as unknown as Record<string, ((event: Event) => void) | undefined>)[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A Storage that lasts as long as the frame. */
function memory(): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(String(key)) ?? null,
    setItem: (key, value) => void items.set(String(key), String(value)),
    removeItem: (key) => void items.delete(String(key)),
    clear: () => items.clear(),
  };
}

for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { value: memory() });
Object.defineProperty(document, 'cookie', { get: () => '', set: () => undefined });
// Drawn by a worker, charts would need a script of the application's own origin: without this, the page draws them.
Reflect.deleteProperty(window, 'OffscreenCanvas');
window.fetch = relayedFetch;
window.XMLHttpRequest = RelayedRequest as unknown as typeof XMLHttpRequest;
for (const name of ['pushState', 'replaceState'] as const) {
  const original = history[name].bind(history);
  history[name] = (state, unused, url) => {
    try {
      original(state, unused, url);
    } catch {
      // An opaque origin may change no more of its address than what follows #.
      const hash = new URL(url ?? '', document.baseURI).hash;
      original(state, unused, hash === '' ? undefined : hash);
    }
  };
}
