/**
 * Keeps the table in step with the routes file: every change is read and put to work, a bad file is refused and the
 * last good routes stay.
 */
import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import { type EndpointRoute, readRoutes } from './routes.ts';

/** Events of one atomic rename come in a burst. */
const SETTLE_MS = 20;
/** Network file systems tell nothing to a watcher: the file is read again now and then, whatever was told. */
const REREAD_MS = 2_000;

export interface RoutesWatch {
  close(): void;
}

/**
 * Watches a routes file that was read once already.
 * @param current what it held then
 * @param onRoutes called with routes that differ from those before
 * @param onRefused called once for each new reason to refuse the file
 */
export function watchRoutes(
  routesFile: string,
  current: readonly EndpointRoute[],
  onRoutes: (routes: EndpointRoute[]) => void,
  onRefused: (error: Error) => void,
): RoutesWatch {
  let lastGood = JSON.stringify(current);
  let lastProblem = '';
  let isReading = false;
  let isStale = false;
  let settleTimer: NodeJS.Timeout | undefined;

  const read = async () => {
    if (isReading) {
      isStale = true;
      return;
    }
    isReading = true;
    try {
      const routes = await readRoutes(routesFile);
      lastProblem = '';
      const text = JSON.stringify(routes);
      if (text !== lastGood) onRoutes(routes);
      lastGood = text;
    } catch (error) {
      const problem = error as Error;
      if (problem.message !== lastProblem) onRefused(problem);
      lastProblem = problem.message;
    }
    isReading = false;
    if (isStale) {
      isStale = false;
      void read();
    }
  };

  // The folder, not the file: a rename replaces the file, and a ConfigMap changes by a link beside it.
  const watcher: FSWatcher = watch(path.dirname(path.resolve(routesFile)), () => {
    clearTimeout(settleTimer);
    settleTimer = setTimeout(() => void read(), SETTLE_MS);
  });
  watcher.on('error', onRefused);
  const timer = setInterval(() => void read(), REREAD_MS);
  return {
    close() {
      clearTimeout(settleTimer);
      clearInterval(timer);
      watcher.close();
    },
  };
}
