import { slipwayFileJsonSchema } from '../../server/protocol/slipwayFile.ts';

/** The parts of JSON schema (draft 7) that the schema of slipway.yaml uses. */
interface JsonSchema {
  description?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  required?: string[];
}

export interface KnownKey {
  name: string;
  description: string;
  /** What may stand there: a type, or the values themselves. */
  values: string;
  isRequired: boolean;
  /** A map or a list follows on the next line. */
  isBlock: boolean;
}

let root: JsonSchema | undefined;

/** The keys that may stand in the map at a path of slipway.yaml. */
export function keysAt(path: string[]): KnownKey[] {
  const maps = schemasAt(path).filter((schema) => schema.properties !== undefined);
  const keys = new Map<string, KnownKey>();
  for (const map of maps) {
    for (const [name, schema] of Object.entries(map.properties!)) {
      keys.set(name, describe(name, schema, map.required?.includes(name) ?? false));
    }
  }
  return [...keys.values()];
}

/** What is known about the key at a path; undefined where names are free. */
export function keyAt(path: string[]): KnownKey | undefined {
  return keysAt(path.slice(0, -1)).find(({ name }) => name === path.at(-1));
}

/** The values that may stand at a path, where they are a closed list. */
export function valuesAt(path: string[]): string[] {
  return schemasAt(path).flatMap((schema) => listed(schema));
}

function schemasAt(path: string[]): JsonSchema[] {
  root ??= slipwayFileJsonSchema() as JsonSchema;
  let current = alternatives(root);
  for (const part of path) {
    current = current.flatMap((schema) => {
      const { additionalProperties: rest } = schema;
      const child = schema.properties?.[part] ?? (typeof rest === 'object' ? rest : undefined);
      return child ? alternatives(child) : [];
    });
  }
  return current;
}

/** What a schema may be; a list counts as its entries, since a place in a list is a place in an entry. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  const all = inner.length === 0 ? [schema] : inner.flatMap(alternatives);
  return all.flatMap((one) => (one.items ? [one, ...alternatives(one.items)] : [one]));
}

function describe(name: string, schema: JsonSchema, isRequired: boolean): KnownKey {
  const all = alternatives(schema);
  const values = all.flatMap(listed);
  const types = [...new Set(all.flatMap((one) => one.type ?? []))];
  return {
    name,
    description: schema.description ?? all.find((one) => one.description)?.description ?? '',
    values: (values.length > 0 ? values : types).join(' | '),
    isRequired,
    isBlock: types.includes('object'),
  };
}

function listed(schema: JsonSchema): string[] {
  if (schema.enum) return schema.enum.map(String);
  if (schema.const !== undefined) return [String(schema.const)];
  return schema.type === 'boolean' ? ['true', 'false'] : [];
}
