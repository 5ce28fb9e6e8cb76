/** How much one client may ask of the control plane at a time. */
export interface ApiLimits {
  /** Of one request's body. */
  bodyBytes: number;
  /** Requests under way at a time; one more is answered by 503. */
  requests: number;
  /** Connections that get an answer other than 503. */
  connections: number;
  /** WebSockets open at a time; one more is answered by 503. */
  sockets: number;
  /** Subscriptions of one WebSocket. */
  subscriptions: number;
  /** Bytes that wait for one WebSocket's reader; beyond it nothing more is read for it. */
  bufferedBytes: number;
  /** Objects in one `changes` message. */
  changes: number;
}

export const defaultLimits: ApiLimits = {
  bodyBytes: 1024 * 1024,
  requests: 256,
  connections: 1000,
  sockets: 200,
  subscriptions: 200,
  bufferedBytes: 4 * 1024 * 1024,
  changes: 200,
};

export type Log = (level: 'info' | 'warn' | 'error', message: string, detail?: Record<string, unknown>) => void;
