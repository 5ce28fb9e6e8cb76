import type { FileStore } from '../objects/index.ts';
import type { Runtime } from '../runtimes/index.ts';
import type { Engine } from './engine.ts';
import type { StoreUse } from './storeUse.ts';

/** Where everything of a control plane lies. All absolute. */
export interface Folders {
  data: string;
  /** A run's own folder: `RUNS/<id>/{work,output,logs,checkpoints}`. */
  runs: string;
  /** The runtime's folders, one a workload. */
  workloads: string;
  objects: string;
  /** One file a secret, readable by the owner only. */
  secrets: string;
  environments: string;
  /** Materialized versions by digest: `CACHE/<digest>`. */
  cache: string;
  gateway: string;
  /** Short enough for Unix sockets (104 bytes on macOS). */
  sockets: string;
  /** Templates and examples, as installed. */
  resources: string;
}

export type Log = (level: 'info' | 'warn' | 'error', message: string, detail?: Record<string, unknown>) => void;

/** What the engine's command handlers and services share. Built once, by the control plane. */
export interface Context {
  engine: Engine;
  objects: FileStore;
  storeUse: StoreUse;
  statIndexFolder: string;
  runtime: Runtime;
  folders: Folders;
  /** File of the bundled thread that adds data, `addWorker.ts`. */
  addWorkerPath: string;
  /** Pseudonymous id of the user. */
  actor: string;
  env: NodeJS.ProcessEnv;
  now: () => number;
  log: Log;
  signal: AbortSignal;
  /** How programs reach the MLflow API, once it answers. */
  tracking?: TrackingClient;
}

export interface TrackingClient {
  url: string;
  /** A token that counts for one run only. */
  tokenOf(run: string): string;
}
