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
        // Frames inside the page (TensorBoard) have an origin of their own and are not our host.
        if (event.source !== null && event.source !== window && event.source !== window.parent) return;
        if (event.data.type === 'init') api.setState(event.data.route);
        receive(event.data);
      });
    },
  };
}
