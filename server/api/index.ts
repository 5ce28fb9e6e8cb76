/**
 * The control plane's outside face: HTTP and WebSocket, who may call, what a request may cost, our own pages, and the
 * separate listener for foreign applications. It may touch the engine's contract (engine/services.ts), domain and
 * protocol; every route, check and the OpenAPI document follow from protocol/operations.ts. The CLI starts it.
 */
export type { ApiLimits, Log } from './limits.ts';
export { type ApiHandle, type ApiOptions, startApi } from './server.ts';
