/** The digits example, watched closely: short windows, every request a sample, and requests like or unlike training. */
import assert from 'node:assert/strict';
import { cp, glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Place, type Refusal, root, type Server, until } from './place.ts';

const windowSeconds = 6;

const changes: [RegExp, string][] = [
  [/epochs: 30/, 'epochs: 8'],
  [/rollout: \{.*\n/, 'rollout: { steps: [50, 100], analysis: { maxP95Ratio: 50, minRequests: 40 } }\n'],
  [/min: 0\.9 \}/, 'min: 0.8 }'],
  [/by: 0\.005/, 'by: 0.1'],
  [/sample: \{.*\}/, 'sample: { rate: 1 }'],
  [/window: 1h/, `window: ${windowSeconds}s`],
];

/** A scan of the training data with what the model says of it. */
export interface Scan {
  instance: number[];
  prediction: { label: string };
}

/** Puts the example into a place as `digits`, with what an alarm may lead to. */
export async function copyWatchedDigits(place: Place, then: 'propose' | 'rollout'): Promise<void> {
  await cp(join(root, 'resources/examples/digits'), place.path('digits'), { recursive: true });
  let text = await readFile(place.path('digits', 'slipway.yaml'), 'utf8');
  const rule = `retrain: { when: drift, then: ${then}, budget: 1h, cooldown: 1h, minLabels: 20 }`;
  for (const [from, to] of [...changes, [/retrain: \{.*\}/, rule] as const]) {
    assert.match(text, from);
    text = text.replace(from, to);
  }
  await writeFile(place.path('digits', 'slipway.yaml'), text);
}

/** What the model in production was trained on, mixed: they stand by label, and a part of them must be like the whole. */
export async function readScans(data: string): Promise<Scan[]> {
  let file = '';
  for await (const found of glob('runs/*/output/model/reference.jsonl', { cwd: data })) file = found;
  const lines = (await readFile(join(data, file), 'utf8')).trim().split('\n');
  return lines.map((_, index) => JSON.parse(lines[(index * 37) % lines.length]!) as Scan);
}

/** Asks the endpoint for predictions. @returns the answer's id */
export async function predict(server: Server, instances: number[][]): Promise<string> {
  const { url } = await server.call('getEndpoint', { params: { name: 'digits' } });
  const response = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ instances }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  await response.arrayBuffer();
  return response.headers.get('x-request-id')!;
}

/** Sends the true labels of a request, once its sample has come in. */
export async function sendLabel({ call }: Server, requestId: string, label: unknown): Promise<void> {
  await until(async () => {
    const refusal = await call('sendFeedback', { params: { name: 'digits' }, body: { requestId, label } }).then(
      () => null,
      (error: Refusal) => error,
    );
    if (refusal && refusal.code !== 'feedback.unknownRequest') throw refusal;
    return refusal === null;
  }, `the sample ${requestId}`);
}

/** The same scan from a scanner with other contrast. */
export function darkened(instance: number[]): number[] {
  return instance.map((level) => Math.min(16, Math.round(level * 0.4) + 6));
}
