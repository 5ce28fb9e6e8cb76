/**
 * Workloads as Jobs of a Kubernetes cluster. Imported only where one is named: the client library is large.
 * `agent/` is a program of its own, in the image that runs beside each workload.
 */
export type { StoreSettings } from './artifacts.ts';
export type { PodSettings } from './jobManifest.ts';
export { KubernetesRuntime, type KubernetesRuntimeOptions } from './runtime.ts';
