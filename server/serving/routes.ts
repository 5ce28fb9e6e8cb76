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
import { type Key, keysSchema } from './keys.ts';
import type { SampleRule } from './sample.ts';

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
    access: z.enum(['open', 'private', 'keys']).default('private'),
    /** File with the bearer token of a private endpoint. */
    tokenFile: z.string().optional(),
    /** File with the keys of an endpoint with `access: keys`. */
    keysFile: z.string().optional(),
    /** Requests with the same value of this header or cookie go to the same revision. */
    sticky: z.union([z.object({ header: visibleText }), z.object({ cookie: visibleText })]).optional(),
    /** This revision also gets copies of requests (its weight may be 0); nobody waits for its answers. */
    shadow: z.object({ revision: visibleText, rate: z.number().min(0).max(1).default(1) }).optional(),
    /** Samples of requests and answers go to files in this folder. */
    sample: z
      .object({
        rate: z.number().min(0).max(1),
        folder: z.string(),
        fields: z.array(z.string()).default([]),
        redact: z.array(z.string()).default([]),
      })
      .optional(),
    /** With more requests in flight further ones are refused. */
    maxInFlight: z.number().int().positive().default(4096),
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
  .refine((endpoint) => endpoint.access !== 'private' || endpoint.tokenFile !== undefined, {
    message: 'a private endpoint needs "tokenFile"',
  })
  .refine((endpoint) => endpoint.access !== 'keys' || endpoint.keysFile !== undefined, {
    message: 'an endpoint with access "keys" needs "keysFile"',
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
  /** The bearer token to ask for; null where none is asked for. */
  token: string | null;
  /** The keys one of which is asked for; null where none is. */
  keys: Key[] | null;
  shadow: { revision: string; rate: number } | null;
  sample: SampleRule | null;
  maxInFlight: number;
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
      const { sample, shadow, maxInFlight } = endpoint;
      const { sticky, timeoutMs, connectTimeoutMs, keepAliveMs, maxBodyBytes } = endpoint;
      return {
        name,
        token: endpoint.access === 'private' ? await readSecret(endpoint.tokenFile) : null,
        keys: endpoint.access === 'keys' ? await readKeys(file, name, endpoint.keysFile!) : null,
        shadow: shadow ?? null,
        sample: sample ? { ...sample, folder: path.resolve(path.dirname(file), sample.folder) } : null,
        maxInFlight,
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

async function readKeys(file: string, endpoint: string, keysFile: string): Promise<Key[]> {
  const keysPath = path.resolve(path.dirname(file), keysFile);
  try {
    return keysSchema.parse(JSON.parse(await readFile(keysPath, 'utf8')));
  } catch (error) {
    const problem = error instanceof z.ZodError ? error.issues[0]!.message : (error as Error).message;
    throw invalid(file, `endpoints.${endpoint}: ${keysPath} does not hold keys (${problem})`);
  }
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
