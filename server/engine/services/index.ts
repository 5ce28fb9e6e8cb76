/**
 * One function for each operation of the contract, a file for each group. They read views and send events; decisions
 * are the reducers'. The control plane composes them; the API calls them.
 */
import type { Services } from '../services.ts';
import { datasetServices } from './datasets.ts';
import { deletionServices } from './deletions.ts';
import { loopServices } from './loop.ts';
import { metricServices } from './metrics.ts';
import { modelServices } from './models.ts';
import { otherServices } from './other.ts';
import type { ServiceParts } from './parts.ts';
import { queueServices } from './queue.ts';
import { runServices } from './runs.ts';
import { storageServices } from './storage.ts';
import { sweepServices } from './sweeps.ts';

export function createServices(parts: ServiceParts): Services {
  return {
    ...datasetServices(parts),
    ...storageServices(parts),
    ...runServices(parts),
    ...metricServices(parts),
    ...loopServices(parts),
    ...sweepServices(parts),
    ...modelServices(parts),
    ...deletionServices(parts),
    ...queueServices(parts),
    ...otherServices(parts),
  };
}
