/**
 * The routes file: which endpoint's requests go to which replicas, with which weights. Read, checked and resolved
 * (tokens and secrets are read from the files it names) in one go, so that what it yields is complete or refused.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { SlipwayError } from '../protocol/errors.ts';
import { Name } from '../protocol/names.ts';
import type { ReplicaAddress } from './connection.ts';

const visibleText = z.string().regex(/^[\x21-\x7e]+$/, 'only visible ASCII characters');

// Unknown keys are passed over, so that a gateway that is older than the writer of the file keeps serving.
const replicaSchema = z
  .object({
    /** `http://HOST:PORT`; exactly one of `url` and `socket`. */
    url: z.string().optional(),
    socket: z.string().optional(),
    ready: z
      .string()
      .regex(/^\/[\x21-\x7e]*$/, 'a path that begins with /')
      .optional(),
    secretFile: z.string().optional(),
  })
  .refine((replica) => (replica.url === undefined) !== (replica.socket === undefined), {
    message: 'a replica has either "url" or "socket"',
  });

const endpointSchema = z
  .object({
    access: z.enum(['open', 'private']).default('private'),
    /** File with the bearer token of a private endpoint. */
    tokenFile: z.string().optional(),
    /** Requests with the same value of this header or cookie go to the same revision. */
    sticky: z.union([z.object({ header: visibleText }), z.object({ cookie: visibleText })]).optional(),
    /** Until the head of the answer, and between two parts of its body. */
    timeoutMs: z.number().positive().default(60_000),
    connectTimeoutMs: z.number().positive().default(2_000),
    /** How long a connection to a replica may be idle; below the replica's own limit (uvicorn's default is 5 s). */
    keepAliveMs: z.number().nonnegative().default(4_000),
    maxBodyBytes: z
      .number()
      .int()
      .nonnegative()
      .default(64 * 1024 * 1024),
    revisions: z.array(
      z.object({
        name: visibleText,
        weight: z.number().nonnegative(),
        receipt: visibleText.optional(),
        replicas: z.array(replicaSchema),
      }),
    ),
  })
  .refine((endpoint) => endpoint.access === 'open' || endpoint.tokenFile !== undefined, {
    message: 'a private endpoint needs "tokenFile"',
  })
  .refine((endpoint) => new Set(endpoint.revisions.map(({ name }) => name)).size === endpoint.revisions.length, {
    message: 'two revisions have the same name',
  });

const routesSchema = z.object({ endpoints: z.record(Name, endpointSchema) });

export interface ReplicaRoute {
  address: ReplicaAddress;
  readyPath: string | null;
  secret: string | null;
}

export interface RevisionRoute {
  name: string;
  weight: number;
  receipt: string | null;
  replicas: ReplicaRoute[];
}

export interface EndpointRoute {
  name: string;
  /** The bearer token to ask for; null for an open endpoint. */
  token: string | null;
  sticky: { header: string } | { cookie: string } | null;
  timeoutMs: number;
  connectTimeoutMs: number;
  keepAliveMs: number;
  maxBodyBytes: number;
  revisions: RevisionRoute[];
}

/**
 * Reads a routes file and the tokens and secrets it names; relative paths start from the routes file's folder.
 * @throws SlipwayError `routes.unreadable` or `routes.invalid`, naming the place
 */
export async function readRoutes(routesFile: string): Promise<EndpointRoute[]> {
  const file = path.resolve(routesFile);
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new SlipwayError('routes.unreadable', `The routes file ${file} cannot be read: ${error.message}.`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(file, `it is not JSON (${(error as Error).message})`);
  }
  const parsed = routesSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid(file, `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  }
  return Promise.all(
    Object.entries(parsed.data.endpoints).map(async ([name, endpoint]): Promise<EndpointRoute> => {
      const readSecret = async (secretFile: string | undefined): Promise<string | null> => {
        if (secretFile === undefined) return null;
        const secretPath = path.resolve(path.dirname(file), secretFile);
        const secret = await readFile(secretPath, 'utf8').catch((error: Error) => {
          throw invalid(file, `endpoints.${name}: ${secretPath} cannot be read (${error.message})`);
        });
        if (!/^[\x21-\x7e]+$/.test(secret.trim())) {
          throw invalid(file, `endpoints.${name}: ${secretPath} does not hold one line of visible ASCII`);
        }
        return secret.trim();
      };
      const revisions = await Promise.all(
        endpoint.revisions.map(async (revision) => ({
          name: revision.name,
          weight: revision.weight,
          receipt: revision.receipt ?? null,
          replicas: await Promise.all(
            revision.replicas.map(async (replica) => ({
              address: replica.url === undefined ? { socket: replica.socket! } : addressOf(file, name, replica.url),
              readyPath: replica.ready ?? null,
              secret: await readSecret(replica.secretFile),
            })),
          ),
        })),
      );
      const { sticky, timeoutMs, connectTimeoutMs, keepAliveMs, maxBodyBytes } = endpoint;
      return {
        name,
        token: endpoint.access === 'open' ? null : await readSecret(endpoint.tokenFile),
        sticky: sticky ?? null,
        timeoutMs,
        connectTimeoutMs,
        keepAliveMs,
        maxBodyBytes,
        revisions,
      };
    }),
  );
}

function addressOf(file: string, endpoint: string, text: string): ReplicaAddress {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:' || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw invalid(file, `endpoints.${endpoint}: the replica's url "${text}" is not of the form http://HOST:PORT`);
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

function invalid(file: string, reason: string): SlipwayError {
  return new SlipwayError(
    'routes.invalid',
    `The routes file ${file} is refused: ${reason}.`,
    'The gateway goes on with the last good routes until the file is right.',
  );
}
