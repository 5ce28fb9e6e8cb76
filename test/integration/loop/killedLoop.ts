/** The loop of `npm start` while its control plane is killed again and again: how it is done, and what must hold. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answering, caller, type Place, ready, until } from './place.ts';
import { replay } from './replay.ts';
import { verifyExport } from './secondVerifier.ts';

export interface Kills {
  /** How many at most; the loop may be over before. */
  count: number;
  /** Numbers in [0, 1). */
  random: () => number;
  /** A kill comes at most so long after the control plane is ready. */
  withinMs: number;
}

/** A stream of random numbers from a seed (mulberry32, https://github.com/bryc/code/blob/master/jshash/PRNGs.md). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Runs the loop to its end while the control plane is killed, then checks that nothing was lost, nothing done twice,
 * every request answered, and nothing is left running.
 * @returns how often it was killed
 */
export async function surviveKills(place: Place, kills: Kills): Promise<number> {
  const { data } = place;
  const running = place.spawn(['start', '--data', data]);
  const isOver = () => running.hasEnded() || /^Done in /m.test(running.said.stdout);
  const requests = new Requests(data);
  const sending = requests.sendUntil(isOver);
  let killed = 0;
  let last = 0;
  while (killed < kills.count && !isOver()) {
    // The next one answers at the same address a moment before it writes its pid.
    const found = await until(async () => {
      const now = await answering(data);
      return isOver() || (now !== undefined && now.pid !== last && now);
    }, 'the next control plane');
    if (found === true) break;
    await delay(kills.random() * kills.withinMs);
    if (isOver()) break;
    process.kill(found.pid, 'SIGKILL');
    last = found.pid;
    killed++;
    console.log(`      killed ${killed}, after: ${running.said.stdout.trimEnd().split('\n').at(-1)}`);
  }
  await until(async () => isOver(), 'the end of the loop', 300_000);
  await sending;
  assert.ok(!running.hasEnded(), running.said.stdout + running.said.stderr);
  assert.match(running.said.stdout, /✓ Requests +\d+ sent, 0 failed/);
  assert.deepEqual(requests.failures, [], `of ${requests.sent} requests`);
  assert.ok(requests.sent > 0, 'no request was sent');
  await checkLoop(place);
  running.child.kill('SIGINT');
  const ended = await running.ended;
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(await place.processes(), []);
  return killed;
}

/** What must hold after the loop, however often it was interrupted. */
export async function checkLoop(place: Place): Promise<void> {
  const { data } = place;
  const call = caller(await ready(data));

  const { items: pipelines } = await call('listPipelines');
  assert.deepEqual(
    pipelines.map(({ status, reason }) => [status, reason]),
    [
      ['succeeded', ''],
      ['succeeded', ''],
    ],
  );
  const { items: sweeps } = await call('listSweeps');
  assert.deepEqual(
    sweeps.map(({ status, trials }) => [status, trials]),
    [['finished', 6]],
  );
  const { items: trials } = await call('listTrials', { params: { id: sweeps[0]!.id } });
  assert.deepEqual(trials.map(({ number }) => number).sort(), [0, 1, 2, 3, 4, 5]);
  for (const { id, status, attempt, reason } of trials) {
    assert.ok(status === 'finished' || status === 'stoppedEarly', `${id} ${status}: ${reason}`);
    assert.equal(attempt, 0, `${id} was tried again`);
  }
  const finished = trials.filter(({ status }) => status === 'finished');
  // A trial that was stopped early has left no model: it is the best only where none ran to its end.
  const values = (finished.length > 0 ? finished : trials).map(({ value }) => Number(value));
  assert.equal(sweeps[0]!.best?.value, Math.max(...values));
  const { items: validations } = await call('listValidations');
  assert.deepEqual(
    validations.map(({ status, decision }) => [status, decision]),
    [
      ['decided', 'serve'],
      ['decided', 'serve'],
    ],
  );
  const { items: rollouts } = await call('listRollouts');
  assert.deepEqual(
    rollouts.map(({ status }) => status),
    ['completed', 'completed'],
  );
  assert.equal((await call('listModelVersions', { params: { name: 'digits' } })).items.length, 2);
  assert.equal((await call('listDatasetVersions', { params: { name: 'digits' } })).items.length, 1);

  await checkRuns(place, (await call('listRuns', { query: { limit: 1000 } })).items);
  await checkReceipts(place);
  const replayed = replay(data);
  assert.ok(replayed.states > 10 && replayed.events > 100, JSON.stringify(replayed));
}

/** Every run has one attempt, and its program began once. */
async function checkRuns(
  place: Place,
  runs: { id: string; attempt: number; status: string; step: string }[],
): Promise<void> {
  const folder = place.path('data', 'workloads');
  const workloads = (await readdir(folder)).filter((name) => !/^(gateway|e-)/.test(name));
  assert.deepEqual(workloads.sort(), runs.map(({ id }) => `${id}-1`).sort(), 'one workload a run');
  for (const { id, attempt, status, step } of runs) {
    assert.equal(attempt, 1, id);
    assert.ok(['succeeded', 'stopped'].includes(status), `${id} ${status}`);
    const log = await readFile(join(folder, `${id}-1`, 'log'), 'utf8');
    if (step === 'train') assert.equal([...log.matchAll(/^epoch 1\//gm)].length, 1, `${id} began once:\n${log}`);
    assert.doesNotMatch(log, /going on after epoch/, `${id} was started again`);
  }
}

/** The chain is whole, for us and for the second implementation, and nothing stands in it twice. */
async function checkReceipts(place: Place): Promise<void> {
  const verified = await place.slipway(['receipts', 'verify', '--data', place.data]);
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  const { stdout } = await place.slipway(['receipts', 'export', '--data', place.data]);
  const [keys, ...envelopes] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { keyid } = (keys!['keys'] as { keyid: string }[])[0]!;
  assert.deepEqual(verifyExport(stdout, keyid, place.path('data', 'objects')).problems, []);
  const statements = envelopes.map(
    ({ payload }) =>
      JSON.parse(Buffer.from(String(payload), 'base64').toString()) as {
        subject: { name: string }[];
        predicate: { kind: string };
      },
  );
  const counts: Record<string, number> = {};
  const seen = new Set<string>();
  for (const { subject, predicate } of statements) {
    const { kind } = predicate;
    counts[kind] = (counts[kind] ?? 0) + 1;
    const name = `${kind} ${subject[0]!.name}`;
    if (kind !== 'rollout.stepped' && kind !== 'alias.moved') assert.ok(!seen.has(name), `${name} stands there twice`);
    seen.add(name);
  }
  const once = { 'dataset.added': 1, 'split.made': 1, 'stage.done': 1, 'sweep.finished': 1 };
  const twice = { 'validation.decided': 2, 'model.registered': 2, 'rollout.ended': 2 };
  // A training, six trials, two validations.
  const expected: Record<string, number> = { ...once, ...twice, 'run.finished': 9 };
  for (const [kind, count] of Object.entries(expected))
    assert.equal(counts[kind], count, `${kind}: ${JSON.stringify(counts)}`);
}

/** Requests through the gateway, one after the other at a bounded rate, from its first answer on. */
class Requests {
  readonly #data: string;
  readonly #agent = new Agent({ keepAlive: true });
  sent = 0;
  readonly failures: string[] = [];

  constructor(data: string) {
    this.#data = data;
  }

  async sendUntil(isOver: () => boolean): Promise<void> {
    const target = await until(async () => isOver() || this.#target(), 'the endpoint', 300_000);
    // The gateway reads its routes a moment after the control plane has written them; from the first answer on it counts.
    if (target !== true)
      await until(async () => isOver() || (await this.#send(target)) === undefined, 'the first answer');
    while (target !== true && !isOver()) {
      const problem = await this.#send(target);
      this.sent++;
      if (problem !== undefined) this.failures.push(`${this.sent}: ${problem}`);
      await delay(40);
    }
    this.#agent.destroy();
  }

  /** Undefined while nobody serves, or nobody can be asked. */
  async #target(): Promise<{ url: string; token: string } | undefined> {
    const server = await answering(this.#data);
    if (!server) return undefined;
    const endpoint = await caller(server)('getEndpoint', { params: { name: 'digits' } }).catch(() => undefined);
    if (!endpoint?.revisions.some(({ weight, ready: replicas }) => weight > 0 && replicas > 0)) return undefined;
    return { url: `${endpoint.url}/predict`, token: server.token };
  }

  /** What went wrong with one request. */
  #send({ url, token }: { url: string; token: string }): Promise<string | undefined> {
    const body = JSON.stringify({ instances: [Array<number>(64).fill(8)] });
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': body.length,
    };
    return new Promise((resolve) => {
      const asked = request(url, { method: 'POST', agent: this.#agent, headers, timeout: 30_000 }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        const problem = () => (response.statusCode === 200 ? undefined : `${response.statusCode} ${text}`);
        response.on('end', () => resolve(problem()));
        response.on('error', (error) => resolve(error.message));
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer in 30 s')));
      asked.on('error', (error) => resolve(error.message));
      asked.end(body);
    });
  }
}
