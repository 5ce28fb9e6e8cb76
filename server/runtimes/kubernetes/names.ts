/** Labels, annotations, paths and container names that the control plane and the containers of a pod agree on. */

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  workload: 'slipway.dev/workload',
  kind: 'slipway.dev/kind',
};
export const managedBy = 'slipway';

export const annotations = {
  /** Digest of what was asked for: the same id with another one is other work. */
  specHash: 'slipway.dev/spec-hash',
  /** JSON: that somebody wants it ended, why, since when. */
  stop: 'slipway.dev/stop',
  /** JSON: how it ended; written once. */
  ended: 'slipway.dev/ended',
};

/** The user's container, and ours beside it. */
export const workContainer = 'work';
export const agentContainer = 'slipway';
export const prepareContainer = 'slipway-prepare';

/** The folder that our containers and the user's share. */
export const sharedFolder = '/slipway';
export const launcherPath = `${sharedFolder}/run/launch.sh`;
export const logPath = `${sharedFolder}/run/log`;
/** Where the agent answers inside the pod, on loopback. */
export const agentPort = 7070;
