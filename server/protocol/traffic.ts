/** What an endpoint's revisions did lately, in intervals of equal length. */
import * as z from 'zod';

export const TrafficPoint = z.object({
  at: z.number().describe('Begin of the interval, ms since the epoch.'),
  revision: z.string(),
  requests: z.number().int(),
  errors: z.number().int(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
});
export type TrafficPoint = z.infer<typeof TrafficPoint>;

export const EndpointTraffic = z.object({
  intervalMs: z.number().int(),
  from: z.number().describe('What is known begins here.'),
  to: z.number().describe('End of the last whole interval; one without a point had no request.'),
  points: z.array(TrafficPoint).describe('Oldest first.'),
});
export type EndpointTraffic = z.infer<typeof EndpointTraffic>;
