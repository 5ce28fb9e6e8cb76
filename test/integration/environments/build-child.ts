// Builds one environment in a process of its own, so that tests can end it or run two at once.
// Standard input: JSON of the lock and the context; standard output: JSON of what was built.
import { text } from 'node:stream/consumers';
import { buildEnvironment } from '../../../server/runtimes/environments/index.ts';

const { lock, context } = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(await buildEnvironment(lock, context)));
