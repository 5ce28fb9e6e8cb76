// Tests that break things on purpose (kill, cut off, fill the disk), which take long and are run by name:
//   node test/run/faults.ts          lists them
//   node test/run/faults.ts NAME     runs test/faults/NAME*.test.ts

import { globSync } from 'node:fs';
import path from 'node:path';
import { childEnvironment, endChildrenOnSignals, endLeftovers, root, run } from './process.ts';
import { prepareMinio } from './setup/minio.ts';
import { preparePython } from './setup/python.ts';

const [name] = process.argv.slice(2);
const all = globSync('test/faults/*.test.ts', { cwd: root }).sort();
const files = all.filter((file) => name !== undefined && path.basename(file).startsWith(name));
if (files.length === 0) {
  if (name) console.error(`No fault test begins with '${name}'.`);
  console.log(['Fault tests:', ...all.map((file) => `  ${path.basename(file, '.test.ts')}`)].join('\n'));
  process.exitCode = name ? 2 : 0;
} else {
  endChildrenOnSignals();
  const argv = ['mocha', '--reporter', 'spec', '--timeout', '600000', ...files];
  const ended = await run({ argv, env: childEnvironment({ ...(await preparePython()), ...(await prepareMinio()) }) });
  endLeftovers();
  process.exitCode = ended.status ?? 1;
}
