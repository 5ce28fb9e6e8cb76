// The entry file of the threads of `addFolder` where nothing is to be made of the files.
import { serveAdd } from './serveAdd.ts';

await serveAdd();
