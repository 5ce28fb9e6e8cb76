import type { HostMessage, PageMessage } from '../../server/protocol/pages.ts';
import type { Host } from './host.ts';

interface VsCodeApi {
  postMessage(message: unknown): void;
  setState(state: unknown): void;
}

declare global {
  /** There in a VS Code webview only; may be called once. */
  var acquireVsCodeApi: (() => VsCodeApi) | undefined;
}

/** The extension answers; the route is kept as the webview's state, from which VS Code restores the panel. */
export function createVsCodeHost(): Host {
  const api = globalThis.acquireVsCodeApi!();
  return {
    kind: 'vscode',
    send: (message: PageMessage) => api.postMessage(message),
    listen(receive) {
      window.addEventListener('message', (event: MessageEvent<HostMessage>) => {
        // VS Code speaks from the frame around this one, which has our origin (and hides itself: window.parent is not
        // it). Frames inside the page (TensorBoard) have another, and are not our host.
        if (event.origin !== window.origin) return;
        if (event.data.type === 'init') api.setState(event.data.route);
        receive(event.data);
      });
    },
  };
}
