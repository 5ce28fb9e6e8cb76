// What stands between the pages and the outside. A page sends messages and gets messages, and does not know whether
// VS Code's extension or the browser's own host answers. Implementations: vscodeHost.ts, browserHost.ts; chosen once,
// in main.tsx. Only store/client.ts talks to a host.
import type { HostMessage, PageMessage } from '../../server/protocol/pages.ts';

export interface Host {
  /** Where the page is shown; pages differ by it only in what a new tab means. */
  readonly kind: 'vscode' | 'browser';
  send(message: PageMessage): void;
  /** Registers the one receiver of everything the host says. */
  listen(receive: (message: HostMessage) => void): void;
}
