// The entry file of the threads that add data. The one that plans also makes the manifest of what it read, so that very
// many files neither fill the control plane's memory nor hold it up.
import { serveAdd } from '../objects/index.ts';
import { summarizeVersion } from './summarizeVersion.ts';

await serveAdd(summarizeVersion);
