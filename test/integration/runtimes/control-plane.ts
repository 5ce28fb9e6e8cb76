/** A control plane to be killed: starts one workload in a process of its own. Arguments: root, launcher, workload as JSON. */
import { LocalRuntime } from '../../../server/runtimes/index.ts';

const [root, launcherPath, workload] = process.argv.slice(2) as [string, string, string];
const runtime = new LocalRuntime({ root, launcherPath });
await runtime.start(JSON.parse(workload));
console.log('started');
setInterval(() => {}, 1000);
