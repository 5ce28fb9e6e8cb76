// The `slipway` command: reads a command line, finds the running control plane and talks to it; `serve` composes one.
// It may import everything of the server. `slipway.js` (package.json `bin`) starts the bundle made from this file; the
// control plane starts its gateway and the extension its server by it. `nouns.ts` lists the commands, `commands/` has
// one file a noun.
import { dispatch } from './dispatch.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second one does not wait for anything.
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
  });
}
// `slipway run logs | head` closes the pipe when it has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await dispatch(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: interrupted.signal,
});
