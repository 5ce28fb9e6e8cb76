import assert from 'node:assert/strict';
import { type Caller, makePlace, type Place, type Refusal, type Server, until } from './place.ts';
import { predict as ask, copyWatchedDigits, darkened, readScans, type Scan, sendLabel } from './watchedDigits.ts';

/** Instances in a request. */
const batch = 20;

describe('drift in production', function () {
  this.timeout(240_000);
  let place: Place;
  let server: Server;
  let call: Caller;
  let scans: Scan[];

  before(async () => {
    place = await makePlace();
    await copyWatchedDigits(place, 'rollout');
    server = await place.serve();
    ({ call } = server);
    const piped = await place.slipway(['pipeline', 'run', '--data', place.data], { cwd: place.path('digits') });
    assert.equal(piped.status, 0, piped.stderr);
    scans = await readScans(place.data);
  });

  after(() => place.close());

  const predict = (instances: number[][]) => ask(server, instances);

  /** The next scans, over and over. */
  let taken = 0;
  const next = () => Array.from({ length: batch }, () => scans[taken++ % scans.length]!);
  const monitor = () => call('getMonitor', { params: { name: 'digits' } });
  const feedback = (requestId: string, label: unknown) =>
    call('sendFeedback', { params: { name: 'digits' }, body: { requestId, label } });
  const labelled = (requestId: string, label: unknown) => sendLabel(server, requestId, label);

  it('stays quiet over requests like the training data', async () => {
    await until(async () => (await call('listMonitors')).items.length === 1, 'the monitor');
    assert.equal((await monitor()).reference, 'training');
    const judged = await until(async () => {
      await predict(next().map(({ instance }) => instance));
      const { window } = await monitor();
      return window !== null && window.verdict !== 'inconclusive' && window;
    }, 'a judged window');
    assert.equal(judged.verdict, 'steady', judged.reason);
    assert.ok(judged.features.some(({ feature }) => feature === 'prediction.label'));
  });

  it('takes labels of its own requests, once each, and no others', async () => {
    const [first, second] = next();
    const id = await predict([first!.instance, second!.instance]);
    const label = [first!.prediction.label, second!.prediction.label];
    await labelled(id, label);
    await feedback(id, label);
    const refused = async (code: string, promise: Promise<unknown>) =>
      assert.rejects(promise, (error: { code: string }) => error.code === code);
    await refused('feedback.otherLabel', feedback(id, ['other', 'other']));
    await refused('feedback.count', feedback(id, ['1']));
    await refused('feedback.unknownRequest', feedback('never-issued', '1'));
  });

  it('leads from an answer back to the bytes, by its request id and by its receipt', async () => {
    const id = await predict(next().map(({ instance }) => instance));
    const traced = await until(
      () =>
        call('tracePrediction', { params: { id } }).catch((error: Refusal) => {
          if (error.code !== 'trace.unknown') throw error;
          return undefined;
        }),
      'the sample',
    );
    assert.deepEqual([traced.foundBy, traced.model, traced.version], ['sample', 'digits', 1]);
    const byReceipt = await call('tracePrediction', { params: { id: traced.receipt! } });
    assert.deepEqual([byReceipt.foundBy, byReceipt.model, byReceipt.version], ['receipt', 'digits', 1]);
    await assert.rejects(call('tracePrediction', { params: { id: 'never-issued' } }), { code: 'trace.unknown' });
    const { nodes, edges, moves } = await call('getLineage', { params: { name: 'digits', version: 'v1' } });
    // From the endpoint along receipts that exist to the dataset version.
    let reached = ['endpoint:digits'];
    const seen = new Set(reached);
    while (reached.length > 0) {
      const steps = edges.filter(({ to }) => reached.includes(to));
      for (const { receipt } of steps) await call('getReceipt', { params: { id: receipt } });
      reached = steps.map(({ from }) => from).filter((name) => !seen.has(name));
      for (const name of reached) seen.add(name);
    }
    assert.ok(seen.has('dataset:digits@v1') && seen.has('split:digits@v1'), [...seen].join(' '));
    assert.deepEqual([...seen].sort(), nodes.map((node) => node.id).sort());
    assert.deepEqual(
      moves.map(({ alias, from, to }) => [alias, from, to]),
      [['production', null, 1]],
    );
  });

  it('tells what the endpoint did lately, and of drift on the command line', async () => {
    const { points, intervalMs } = await until(async () => {
      await predict(next().map(({ instance }) => instance));
      const traffic = await call('readEndpointTraffic', { params: { name: 'digits' } });
      return traffic.points.length > 1 && traffic;
    }, 'two intervals');
    assert.ok(points.every(({ requests, revision }) => requests > 0 && revision === 'v1'));
    const { trafficAt } = await until(async () => {
      const endpoint = await call('getEndpoint', { params: { name: 'digits' } });
      return endpoint.trafficAt !== undefined && endpoint.trafficAt >= points.at(-1)!.at + intervalMs && endpoint;
    }, 'the endpoint to tell of it');
    const later = await call('readEndpointTraffic', { params: { name: 'digits' }, query: { since: trafficAt } });
    assert.ok(later.points.every(({ at }) => at >= trafficAt!));
    const shown = await place.slipway(['endpoint', 'show', 'digits', '--data', place.data]);
    assert.match(shown.stdout, /Drift: (steady|inconclusive) · .*false-alarm rate 0\.001/);
  });

  it('raises an alarm over other contrast, retrains on the labelled samples and rolls the better model out', async () => {
    let isSending = true;
    const traffic = (async () => {
      while (isSending) {
        const some = next();
        const id = await predict(some.map(({ instance }) => darkened(instance)));
        if ((await monitor()).alarms === 0)
          await labelled(
            id,
            some.map(({ prediction }) => prediction.label),
          );
      }
    })();
    try {
      const alarmed = await until(async () => (await monitor()).alarms > 0 && monitor(), 'an alarm');
      assert.match(alarmed.window!.reason, /PSI/);
      const done = await until(
        async () => {
          const { retrainings, proposal } = await monitor();
          assert.equal(proposal, null, proposal?.reason);
          return retrainings.find(({ endedAt }) => endedAt !== null);
        },
        'the retraining',
        150_000,
      );
      const [pipeline] = (await call('listPipelines')).items;
      assert.equal(done.status, 'succeeded', pipeline?.reason);
      assert.ok(done.spentMs > 0);
      const { revisions } = await call('getEndpoint', { params: { name: 'digits' } });
      assert.deepEqual(
        revisions.filter(({ weight }) => weight > 0).map(({ name }) => name),
        ['v2'],
      );
    } finally {
      isSending = false;
      await traffic;
    }
    const { items } = await call('listReceipts', { query: { project: 'digits', limit: 200 } });
    const kinds = items.map(({ kind }) => kind).reverse();
    const begun = kinds.indexOf('drift.raised');
    for (const kind of [
      'retrain.started',
      'run.finished',
      'validation.decided',
      'model.registered',
      'rollout.ended',
      'alias.moved',
    ]) {
      assert.ok(kinds.indexOf(kind, begun) > begun, `${kind} after drift.raised in ${kinds.join(' ')}`);
    }
    const run = (await call('listRuns')).items.find(({ kind }) => kind === 'train')!;
    const log = await place.slipway(['run', 'logs', run.id, '--data', place.data]);
    assert.match(log.stdout, /[0-9]+ labelled samples of production/);
    const verified = await place.slipway(['receipts', 'verify', '--data', place.data]);
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  });
});
