/**
 * How a client finds the control plane of a data folder and judges whether it can talk to it: `DIR/server.json`, the
 * answer of `/readyz`, and the range of API versions that this source speaks.
 */
import * as z from 'zod';

/** `DIR/server.json`, which the control plane writes once it answers. */
export const ServerFile = z.object({
  pid: z.number().int().positive(),
  host: z.string(),
  bootId: z.string().nullish(),
  startedAt: z.union([z.number(), z.string()]),
  url: z.url(),
  /** Whose start it was: the demo's own server is ended with it. */
  startedBy: z.string().optional(),
});
export type ServerFile = z.infer<typeof ServerFile>;

/** A half-written or foreign file reads as no file. */
export function parseServerFile(text: string): ServerFile | undefined {
  try {
    return ServerFile.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export const ProtocolRange = z.object({ min: z.number().int(), max: z.number().int() });
export type ProtocolRange = z.infer<typeof ProtocolRange>;

/** The API versions that this source speaks, as server and as client. */
export const protocolRange: ProtocolRange = { min: 1, max: 1 };

/** What a client needs of the answer of `/readyz`. */
export const Readiness = z.object({ protocol: ProtocolRange, version: z.string() });
export type Readiness = z.infer<typeof Readiness>;
