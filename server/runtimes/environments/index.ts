// Python environments of local runs: locked by uv to exact versions, built once per digest under one folder, and
// shared by every run that asks for the same. Starts uv and Python as child processes and writes under its root folder
// only; an environment the user already has is used as it is and never changed. The local runtime and the engine call
// it: lockEnvironment before anything is queued (what does not resolve fails there), buildEnvironment before a start.
export { type BuiltEnvironment, buildEnvironment } from './build.ts';
export { type EnvironmentContext, type EnvironmentLock, lockEnvironment } from './lock.ts';
export type { EnvironmentSpec } from './specification.ts';
export { findUv, type Uv } from './uv.ts';
