// The real MLflow client against a control plane: autolog for scikit-learn, search_runs, histories, artifacts, limits.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { makePlace, type Place, type Server, until } from '../loop/place.ts';

const python = process.env['SLIPWAY_TEST_MLFLOW'];

/** Trains with autolog twice, logs by hand, and prints what the client finds again. */
const AUTOLOG = `
import json, os, sys, warnings
warnings.filterwarnings('ignore')
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
mlflow.set_experiment('Iris 붓꽃')
mlflow.sklearn.autolog()
X, y = load_iris(return_X_y=True)
ids = []
for C in [0.01, 1.0]:
    with mlflow.start_run(run_name='C=%s' % C) as run:
        LogisticRegression(C=C, max_iter=500).fit(X, y)
        for step in range(3):
            mlflow.log_metric('loss', 1 / (step + 3), step=step)
        mlflow.log_metrics({'nan': float('nan'), 'inf': float('inf')})
        mlflow.set_tag('team', 'vision')
        mlflow.log_text('hello', 'notes/hello.txt')
        ids.append(run.info.run_id)
client = mlflow.MlflowClient()
found = mlflow.search_runs(experiment_names=['Iris 붓꽃'], filter_string="metrics.training_accuracy_score > 0.5 and tags.team = 'vision'", order_by=['metrics.training_accuracy_score DESC'])
failed = None
try:
    client.log_param(ids[0], 'C', '5')
except mlflow.exceptions.MlflowException as error:
    failed = error.error_code
history = client.get_metric_history(ids[1], 'loss')
run = client.get_run(ids[1])
print(json.dumps({
    'ids': ids,
    'found': list(found['run_id']),
    'C': list(found['params.C']),
    'status': [str(s) for s in found['status']],
    'history': [[m.step, m.value] for m in history],
    'metrics': sorted(run.data.metrics),
    'nan': str(run.data.metrics['nan']), 'inf': str(run.data.metrics['inf']), 'loss': run.data.metrics['loss'],
    'text': mlflow.artifacts.load_text(run.info.artifact_uri + '/notes/hello.txt'),
    'files': sorted(f.path for f in client.list_artifacts(ids[1])),
    'few': list(mlflow.search_runs(experiment_names=['Iris 붓꽃'], filter_string="params.C = '1.0'")['run_id']),
    'none': len(mlflow.search_runs(experiment_names=['Iris 붓꽃'], filter_string="attributes.status = 'FAILED'")),
    'model': [str(o.model_id)[:2] for o in run.outputs.model_outputs],
    'failed': failed,
}))
`;

describe('an MLflow client', function () {
  this.timeout(300_000);
  let place: Place;
  let server: Server;

  before(async function () {
    if (python === undefined) {
      console.log('      skipped: SLIPWAY_TEST_MLFLOW names no Python with mlflow');
      this.skip();
    }
    place = await makePlace();
    server = await place.serve();
  });
  after(() => place?.close());

  const run = async (program: string, env: NodeJS.ProcessEnv): Promise<unknown> => {
    const options = {
      env: { ...process.env, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0', GIT_PYTHON_REFRESH: 'quiet', ...env },
    };
    const { stdout } = await promisify(execFile)(python!, ['-W', 'ignore', '-c', program], options);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };
  const ask = async (call: string, body: unknown, token = server.token) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const url = `${server.url}/api/2.0/mlflow/${call}`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('logs by autolog for scikit-learn and finds its runs again', async () => {
    const told = (await run(AUTOLOG, {
      MLFLOW_TRACKING_URI: server.url,
      MLFLOW_TRACKING_TOKEN: server.token,
    })) as Record<string, unknown> & { ids: string[]; files: string[]; metrics: string[]; model: string[] };
    const [first, second] = told.ids;
    assert.deepEqual(told['found'], [second, first]);
    assert.deepEqual(told['C'], ['1.0', '0.01']);
    assert.deepEqual(told['status'], ['FINISHED', 'FINISHED']);
    // Doubles, not rounded to 32 bits.
    assert.deepEqual(told['history'], [
      [0, 1 / 3],
      [1, 1 / 4],
      [2, 1 / 5],
    ]);
    assert.deepEqual([told['nan'], told['inf'], told['loss']], ['nan', 'inf', 0.2]);
    assert.ok(told.metrics.includes('training_f1_score'));
    assert.equal(told['text'], 'hello');
    assert.ok(told.files.includes('notes') && told.files.includes('estimator.html'), told.files.join());
    assert.deepEqual([told['few'], told['none'], told['failed']], [[second], 0, 'INVALID_PARAMETER_VALUE']);
    assert.deepEqual(told.model, ['m-']);

    const shown = await server.call('getRun', { params: { id: second! } });
    assert.deepEqual([shown.title, shown.status, shown.params['C']], ['C=1.0', 'succeeded', '1.0']);
    assert.equal(shown.metrics['nan'], 'NaN');
    assert.ok(shown.receipt);
    const { values } = await server.call('readRunSeries', { params: { id: second! }, query: { tag: 'loss' } });
    assert.deepEqual(values, [1 / 3, 1 / 4, 1 / 5]);
  });

  it('logs under the run of Slipway that it works in, and nowhere else', async () => {
    const project = place.path('project');
    mkdirSync(project);
    const program = `
import mlflow, json, os
with mlflow.start_run() as run:
    mlflow.log_param('depth', 3)
    for step in range(4):
        mlflow.log_metric('val/accuracy', step / 4, step=step)
try:
    mlflow.MlflowClient().create_run('0')
except mlflow.exceptions.MlflowException as error:
    print('refused', error.error_code)
`;
    writeFileSync(path.join(project, 'train.py'), program);
    writeFileSync(
      path.join(project, 'slipway.yaml'),
      `project: mlflow-project\nenv: { MLFLOW_TRACKING_URI: slipway, GIT_PYTHON_REFRESH: quiet }\ntrain: { run: [${python}, train.py], objective: { metric: val/accuracy, goal: maximize } }\n`,
    );
    const { id } = await server.call('startRun', { body: { folder: project } });
    const ended = await until(
      async () => {
        const now = await server.call('getRun', { params: { id } });
        return now.endedAt === undefined ? undefined : now;
      },
      'the run',
      200_000,
    );
    const log = (await server.call('readRunLogs', { params: { id } })).text;
    assert.equal(ended.status, 'succeeded', log);
    assert.equal(ended.metrics['val/accuracy'], 0.75);
    assert.match(log, /refused PERMISSION_DENIED/);
    const { body } = await ask('runs/get', { run_id: id });
    assert.deepEqual((body['run'] as { data: { params: unknown } }).data.params, [{ key: 'depth', value: '3' }]);
  });

  it('is refused without a token, and beyond the limits of a batch', async () => {
    assert.equal((await ask('experiments/search', {}, 'wrong')).status, 401);
    const { body } = await ask('runs/create', { experiment_id: '0' });
    const { run_id } = (body['run'] as { info: { run_id: string } }).info;
    const metric = (i: number) => ({ key: `m${i}`, value: i, timestamp: 1, step: 0 });
    const many = (count: number) => Array.from({ length: count }, (_, i) => metric(i));
    assert.equal((await ask('runs/log-batch', { run_id, metrics: many(1000) })).status, 200);
    const refused = await ask('runs/log-batch', { run_id, metrics: many(1001) });
    assert.deepEqual([refused.status, refused.body['error_code']], [400, 'INVALID_PARAMETER_VALUE']);
    const params = Array.from({ length: 101 }, (_, i) => ({ key: `p${i}`, value: '1' }));
    assert.equal((await ask('runs/log-batch', { run_id, params })).status, 400);
    assert.equal((await ask('runs/log-parameter', { run_id, key: 'k', value: 'x'.repeat(6001) })).status, 400);
    assert.equal((await ask('runs/get', { run_id: 'r-none' })).body['error_code'], 'RESOURCE_DOES_NOT_EXIST');
    assert.equal((await ask('no/such', {})).body['error_code'], 'ENDPOINT_NOT_FOUND');
  });

  it('cannot lead an artifact out of its folder', async () => {
    for (const address of ['0/r1/artifacts/..%2f..%2f..%2fevil', '0/..%2f..%2f/artifacts/evil', '0/r1/other/evil']) {
      const headers = { authorization: `Bearer ${server.token}` };
      const url = `${server.url}/api/2.0/mlflow-artifacts/artifacts/${address}`;
      assert.equal((await fetch(url, { method: 'PUT', headers, body: 'x' })).status, 400, address);
    }
  });
});
