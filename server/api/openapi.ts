/** The OpenAPI 3.1 document, built from protocol/operations.ts: what is not in that table is not in the API. */
import * as z from 'zod';
import { topics } from '../protocol/entities.ts';
import { type OperationSpec, operations } from '../protocol/operations.ts';
import { apiPrefix } from './router.ts';

type Json = Record<string, unknown>;

/** Entities stand once in the document, under the names that the source gives them. */
const entityNames: Record<keyof typeof topics, string> = {
  datasets: 'Dataset',
  datasetVersions: 'DatasetVersion',
  runs: 'Run',
  sweeps: 'Sweep',
  trials: 'Trial',
  validations: 'Validation',
  models: 'Model',
  modelVersions: 'ModelVersion',
  endpoints: 'Endpoint',
  rollouts: 'Rollout',
  monitors: 'EndpointMonitor',
  pipelines: 'Pipeline',
  operations: 'Operation',
  projects: 'Project',
  nodes: 'Node',
};

const errors: Record<number, string> = {
  400: 'The request is not one this call takes; the message names the field.',
  401: 'No token, or not the right one.',
  403: 'The origin is foreign, or the caller may not do this.',
  404: 'There is no such thing.',
  405: 'The path does not take the method.',
  409: 'The state of things does not allow it now.',
  413: 'The body is too large.',
  415: 'The body is not declared as JSON.',
  421: 'The Host is foreign.',
  500: 'Something unexpected; the log of the control plane has the details.',
  503: 'Too many requests or connections; see Retry-After.',
};

/**
 * @param version of the control plane
 * @param cookieName of its sessions
 * @param maxBodyBytes limit of a request's body
 */
export function openApiDocument(version: string, cookieName: string, maxBodyBytes: number): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const [name, spec] of Object.entries(operations) as [string, OperationSpec][]) {
    const path = `${apiPrefix}${spec.path.replace(/:([a-z]+)/gi, '{$1}')}`;
    paths[path] = { ...paths[path], [spec.method.toLowerCase()]: describeOperation(name, spec, schemas) };
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Slipway',
      version,
      summary: 'The control plane of Slipway.',
      description:
        `Changes stream over the WebSocket ${apiPrefix}/events (see server/protocol/events.ts). ` +
        `Bodies are JSON of at most ${maxBodyBytes} bytes. Lists are paged: pass \`next\` as \`cursor\`.`,
    },
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'The token of the data folder.' },
        session: { type: 'apiKey', in: 'cookie', name: cookieName, description: 'Our own pages in a browser.' },
      },
      schemas: { ...schemas.shared, Error: errorSchema },
      responses: Object.fromEntries(
        Object.entries(errors).map(([status, description]) => [`Error${status}`, errorResponse(description)]),
      ),
    },
  };
}

const errorSchema: Json = {
  type: 'object',
  required: ['code', 'message', 'hint'],
  properties: {
    code: { type: 'string', description: 'Stable: `dataset.empty`.' },
    message: { type: 'string', description: 'What happened, to which object.' },
    hint: { type: 'string', description: 'What to do; may be empty.' },
  },
};

function errorResponse(description: string): Json {
  return { description, content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } };
}

function describeOperation(name: string, spec: OperationSpec, schemas: Schemas): Json {
  const names = [...spec.path.matchAll(/:([a-z]+)/gi)].map((match) => match[1]!);
  const status = spec.status ?? 200;
  const refusals = Object.keys(errors).filter((code) => code !== '415' || spec.body);
  return {
    operationId: name,
    summary: spec.summary,
    ...(spec.access === 'public' ? { security: [] } : {}),
    parameters: [
      ...names.map((param) => ({ name: param, in: 'path', required: true, schema: { type: 'string' } })),
      ...(spec.query ? queryParameters(schemas.describe(spec.query, 'output')) : []),
    ],
    ...(spec.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.describe(spec.body, 'input') } },
          },
        }
      : {}),
    responses: {
      [status]: {
        description: spec.summary,
        content: {
          [spec.stream ?? 'application/json']: {
            schema: spec.stream ? { type: 'string', format: 'binary' } : schemas.describe(spec.response, 'output'),
          },
        },
      },
      ...Object.fromEntries(refusals.map((code) => [code, { $ref: `#/components/responses/Error${code}` }])),
    },
  };
}

function queryParameters(schema: Json): Json[] {
  const required = (schema['required'] ?? []) as string[];
  return Object.entries((schema['properties'] ?? {}) as Record<string, Json>).map(([name, one]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: one,
  }));
}

/** JSON Schemas of zod schemas, those of entities as references to one place. */
class Schemas {
  readonly shared: Record<string, unknown> = {};
  readonly #names = z.registry<{ id: string }>();

  constructor() {
    for (const [topic, schema] of Object.entries(topics)) {
      this.#names.add(schema, { id: entityNames[topic as keyof typeof topics] });
    }
  }

  /** @param io `input`: what a client may send; `output`: what stands in a query once read, or in an answer */
  describe(schema: z.ZodType, io: 'input' | 'output'): Json {
    const whole = z.toJSONSchema(schema, { metadata: this.#names, io, unrepresentable: 'any' });
    const { $schema: _, $defs = {}, ...own } = rebase(whole) as Json & { $defs?: Json };
    Object.assign(this.shared, $defs);
    return own;
  }
}

/** A schema whose references point into the document's components. */
function rebase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rebase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', '#/components/schemas/') : rebase(inner),
    ]),
  );
}
