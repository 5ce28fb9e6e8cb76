// A control plane that its test kills in the middle of a command: it notes what it did, then never finishes.
import { appendFileSync } from 'node:fs';
import { add, done, openEngine } from './counters.ts';

const [, , path, journal] = process.argv;

const engine = openEngine(path!, {
  quick: async (_, { id }) => {
    appendFileSync(journal!, 'quick\n');
    return [done(id, 'quick')];
  },
  slow: () => {
    appendFileSync(journal!, 'slow\n');
    process.stdout.write('in the middle\n');
    return new Promise(() => {});
  },
});
// Keeps the process up until it is killed.
setInterval(() => {}, 1 << 30);
await engine.send('counter', 'a', add('a', 7, { ask: ['quick', 'slow'], isOnRecord: true }));
