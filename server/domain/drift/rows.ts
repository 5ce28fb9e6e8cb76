/**
 * The rows in a sampled request: one for each instance, with its features and what was predicted for it. Reads
 * `{"instances": […]}` → `{"predictions": […]}`, the tensors of the Open Inference Protocol v2, and otherwise takes
 * the whole body as one instance.
 */
import type { Value } from './reference.ts';

export interface Row {
  /** As it came: what a retraining reads. */
  instance: unknown;
  /** What was predicted for it; undefined where the answer has none. */
  prediction: unknown;
  /** Values by feature name; those of the prediction begin with `prediction`. */
  values: Record<string, Value>;
}

/** An instance with more values than these is judged by its first ones. */
const MAX_FEATURES = 1000;

export function rowsOf(request: unknown, answer: unknown): Row[] {
  const asked = listIn(request, 'instances') ?? tensorRows(request, 'inputs') ?? [request];
  const answered = listIn(answer, 'predictions') ?? tensorRows(answer, 'outputs') ?? [answer];
  return asked.map((instance, index) => rowOf(instance, answered[index]));
}

/** The row of one instance and its prediction. */
export function rowOf(instance: unknown, prediction: unknown): Row {
  const values: Record<string, Value> = {};
  spread(values, '', instance, 'value');
  spread(values, 'prediction', prediction, 'prediction');
  return { instance, prediction, values };
}

/** What a label is compared with: the prediction itself, or its `label` or `class`. */
export function predictedLabel(prediction: unknown): string | undefined {
  if (typeof prediction !== 'object' || prediction === null) {
    return prediction === undefined ? undefined : String(prediction);
  }
  const { label, class: named } = prediction as { label?: unknown; class?: unknown };
  const found = label ?? named;
  return found === undefined || typeof found === 'object' ? undefined : String(found);
}

/** Flattens nested objects and lists into names joined by dots: `x.0`, `user.age`; a bare value is called `whole`. */
function spread(values: Record<string, Value>, name: string, value: unknown, whole: string): void {
  if (Object.keys(values).length >= MAX_FEATURES) return;
  if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) spread(values, name === '' ? key : `${name}.${key}`, inner, key);
  } else if (value === null || ['number', 'string', 'boolean'].includes(typeof value)) {
    values[name === '' ? whole : name] = value as Value;
  }
}

function listIn(body: unknown, key: string): unknown[] | undefined {
  const list = (body as Record<string, unknown> | null | undefined)?.[key];
  return Array.isArray(list) ? list : undefined;
}

/** Rows along the first dimension of v2 tensors: `[{name, shape, data}]`. */
function tensorRows(body: unknown, key: string): unknown[] | undefined {
  const tensors = listIn(body, key) as { name?: unknown; shape?: unknown; data?: unknown }[] | undefined;
  if (!tensors?.every((one) => Array.isArray(one?.shape) && Array.isArray(one.data))) return undefined;
  const rows: Record<string, unknown>[] = [];
  for (const { name, shape, data } of tensors as { name: string; shape: number[]; data: unknown[] }[]) {
    const count = shape[0] ?? 1;
    const flat = data.flat(Number.POSITIVE_INFINITY);
    const width = Math.max(1, Math.floor(flat.length / Math.max(count, 1)));
    for (let row = 0; row < count; row++) {
      rows[row] ??= {};
      rows[row]![name] = width === 1 ? flat[row] : flat.slice(row * width, (row + 1) * width);
    }
  }
  return rows;
}

/** Columns by feature of many rows; a row without a feature has a missing value there. */
export function columnsOf(rows: readonly Row[]): Record<string, Value[]> {
  const columns: Record<string, Value[]> = {};
  for (const [index, { values }] of rows.entries()) {
    for (const [name, value] of Object.entries(values)) {
      columns[name] ??= new Array<Value>(rows.length).fill(null);
      columns[name]![index] = value;
    }
  }
  return columns;
}
