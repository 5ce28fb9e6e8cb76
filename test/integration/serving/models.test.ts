/** What the model servers serve without an entry: protocols, signatures, kinds of models; both frameworks alike. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { until } from './gatewayHarness.ts';

const templates = path.resolve(import.meta.dirname, '../../../resources/templates');
const python = process.env['SLIPWAY_TEST_PYTHON'];
const onnxPython = process.env['SLIPWAY_TEST_ONNX_PYTHON'];

interface Answered {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  json: any;
}

/** A model server on a Unix socket in the model's folder. */
interface Server {
  ask(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>;
  log(): string;
}

/** What both models below are saved with: rows of training data and what was predicted for them. */
const reference = `import json
X = [[0, 0], [1, 1], [8, 8], [9, 9]]
y = ["low", "low", "high", "high"]
with open("reference.jsonl", "w") as file:
    for x, label in zip(X, y):
        file.write(json.dumps({"instance": x, "prediction": label}) + "\\n")
`;
const scikit = `${reference}
import joblib
from sklearn.linear_model import LogisticRegression
joblib.dump(LogisticRegression().fit(X, y), "model.joblib")
`;
/** The same without a library, which starts sooner. */
const threshold = `${reference}
import pickle
with open("threshold.py", "w") as file:
    file.write('class Threshold:\\n    def predict(self, rows):\\n        return [["low", "high"][sum(row) > 8] for row in rows]\\n')
import threshold
pickle.dump(threshold.Threshold(), open("model.pkl", "wb"))
`;

for (const framework of ['fastapi', 'flask']) {
  describe(`models behind ${framework}`, function () {
    this.timeout(120_000);
    let folder = '';
    const endings: (() => Promise<void>)[] = [];
    before(function () {
      if (python === undefined) {
        console.log('      skipped: SLIPWAY_TEST_PYTHON names no Python');
        this.skip();
      }
    });
    beforeEach(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-md-'));
    });
    afterEach(async () => {
      for (const end of endings.splice(0)) await end();
      if (folder !== '') await rm(folder, { recursive: true });
      folder = '';
    });

    function make(program: string, interpreter = python!): void {
      const env = { ...process.env, PYTHONPATH: folder };
      execFileSync(interpreter, ['-c', program], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] });
    }

    function launch(interpreter: string) {
      const child = spawn(interpreter, [path.join(templates, framework, 'server.py')], {
        env: {
          ...process.env,
          ...{ PYTHONPATH: folder, SLIPWAY_MODEL: folder, SLIPWAY_SOCKET: path.join(folder, 's') },
          ...{ SLIPWAY_MODEL_NAME: 'digits', SLIPWAY_MODEL_VERSION: 'v5', SLIPWAY_RECEIPT: 'abc' },
          SLIPWAY_MODEL_DIGESTS: '{"md5":"m","sha256":"s"}',
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let log = '';
      child.stderr.on('data', (chunk) => {
        log += chunk;
      });
      const ended = once(child, 'exit');
      endings.push(async () => {
        if (child.exitCode === null) child.kill('SIGKILL');
        await ended;
      });
      return { child, log: () => log, ended };
    }

    async function serve(interpreter = python!): Promise<Server> {
      const { child, log } = launch(interpreter);
      const ask: Server['ask'] = (method, url, body, headers = {}) => request(folder, method, url, body, headers);
      await until(async () => {
        assert.equal(child.exitCode, null, log());
        return (await ask('GET', '/ready').catch(() => null))?.status === 200;
      });
      return { ask, log };
    }

    /** What the log says of a server that does not start. */
    async function refusal(): Promise<string> {
      const { child, log, ended } = launch(python!);
      await ended;
      assert.notEqual(child.exitCode, 0);
      return log();
    }

    it('answers /predict, the protocol v1 and the protocol v2 with the same predictions', async () => {
      make(scikit);
      const { ask } = await serve();
      assert.equal((await ask('GET', '/v2/models/digits')).json.platform, 'sklearn');
      const instances = [
        [0, 1],
        [9, 8],
      ];
      for (const url of ['/predict', '/v1/models/digits:predict']) {
        assert.deepEqual((await ask('POST', url, { instances })).json, { predictions: ['low', 'high'] });
      }
      const tensor = { name: 'instances', shape: [2, 2], datatype: 'FP32' };
      for (const data of [[0, 1, 9, 8], instances]) {
        const { json } = await ask('POST', '/v2/models/digits/infer', { id: 'q7', inputs: [{ ...tensor, data }] });
        assert.deepEqual(json, {
          ...{ model_name: 'digits', model_version: 'v5', id: 'q7' },
          outputs: [{ name: 'predictions', datatype: 'BYTES', shape: [2], data: ['low', 'high'] }],
        });
      }
      assert.deepEqual((await ask('POST', '/predict', { instances: [] })).json, { predictions: [] });
      for (const url of [
        '/v2/health/live',
        '/v2/health/ready',
        '/v2',
        '/v2/models/digits/ready',
        '/v1/models/digits',
      ]) {
        assert.equal((await ask('GET', url)).status, 200, url);
      }
    });

    it('tells at /v2/models/NAME what it takes, and from which bytes and receipt it is', async () => {
      make(threshold);
      const { json } = await (await serve()).ask('GET', '/v2/models/digits');
      assert.deepEqual([json.name, json.versions, json.platform], ['digits', ['v5'], 'python']);
      assert.deepEqual(json.inputs, [{ name: 'instances', datatype: 'FP64', shape: [-1, 2] }]);
      assert.deepEqual(json.signatureFrom, 'reference.jsonl');
      assert.deepEqual([json.digests, json.receipt], [{ md5: 'm', sha256: 's' }, 'abc']);
    });

    it('refuses what the signature does not allow with 422, and says where', async () => {
      make(threshold);
      const spec = { type: 'float', shape: [-1, 2], minimum: 0, maximum: 16 };
      await writeFile(path.join(folder, 'signature.json'), JSON.stringify({ inputs: { instances: spec } }));
      const { ask } = await serve();
      const instances = [[0, 17], [1], [1, '2'], 3, [-1, true], [1, null], [2, 2]];
      const { status, json } = await ask('POST', '/predict', { instances }, { 'X-Request-Id': 'r-9' });
      assert.deepEqual([status, json.code, json.requestId], [422, 'model.badRequest', 'r-9']);
      const found = json.problems.map(({ where, message }: Record<string, string>) => `${where} ${message}`);
      assert.deepEqual(found, [
        'instances[0][1] 17 is above the maximum 16',
        'instances[1] has 1 values; the model takes 2',
        'instances[2][1] must be of type float, not "2"',
        'instances[3] must be a list of 2 values, not 3',
        'instances[4][0] -1 is below the minimum 0',
        'instances[4][1] must be of type float, not true',
        'instances[5][1] must be of type float, not null',
      ]);
      const tensor = { name: 'instances', shape: [1, 2], datatype: 'FP32', data: [0, 17] };
      const bad = [
        [tensor, 'above the maximum'],
        [{ ...tensor, name: 'other' }, 'no input other'],
        [{ ...tensor, shape: [1, 3] }, 'needs 3'],
        [{ ...tensor, shape: [-1, 2] }, 'not a list of sizes'],
        [{ ...tensor, datatype: 'FP128' }, 'datatype'],
        [{ ...tensor, data: ['a', 'b'] }, 'not FP32'],
        [{ ...tensor, data: undefined, parameters: { binary_data_size: 8 } }, 'binary'],
      ] as const;
      for (const [input, message] of bad) {
        const refused = await ask('POST', '/v2/models/digits/infer', { inputs: [input] });
        assert.equal(refused.status, 422, message);
        assert.ok(refused.json.error.includes(message), refused.json.error);
      }
      const unknown = await ask('POST', '/v2/models/digits/infer', {
        inputs: [{ ...tensor, data: [0, 1] }],
        outputs: [{ name: 'x' }],
      });
      assert.deepEqual([unknown.status, unknown.json.message], [422, 'The model has no output x; it has predictions.']);
    });

    it('answers other mistakes of clients with the status that fits', async () => {
      make(threshold);
      const { ask } = await serve();
      const cases: [string, string, unknown, number, string][] = [
        ['POST', '/predict', '{"instances": [[NaN, 0]]}', 400, 'model.badJson'],
        ['POST', '/predict', '{', 400, 'model.badJson'],
        ['POST', '/predict', `${'['.repeat(100_000)}`, 400, 'model.badJson'],
        ['POST', '/predict', '[]', 422, 'model.badRequest'],
        ['POST', '/predict', '{"instances": {}}', 422, 'model.badRequest'],
        ['GET', '/predict', undefined, 405, 'model.wrongMethod'],
        ['POST', '/docs', '', 405, 'model.wrongMethod'],
        ['GET', '/nothing', undefined, 404, 'model.noSuchPath'],
        ['POST', '/v1/models/other:predict', '{}', 404, 'model.unknown'],
      ];
      for (const [method, url, body, status, code] of cases) {
        const answer = await ask(method, url, body);
        assert.deepEqual([answer.status, answer.json.code], [status, code], `${method} ${url}`);
      }
    });

    it('describes itself in OpenAPI, and on a page that loads nothing from elsewhere', async () => {
      make(threshold);
      const { ask } = await serve();
      const { json } = await ask('GET', '/openapi.json', undefined, { 'X-Forwarded-Prefix': '/endpoints/digits' });
      assert.deepEqual(json.servers, [{ url: '/endpoints/digits' }]);
      const schema = json.paths['/predict'].post.requestBody.content['application/json'].schema;
      assert.deepEqual(schema.properties.instances.items, {
        ...{ type: 'array', minItems: 2, maxItems: 2 },
        items: { type: 'number' },
      });
      const page = await ask('GET', '/docs');
      assert.match(page.headers['content-type']!, /^text\/html/);
      assert.match(page.text, /\/v2\/models\/digits\/infer/);
      assert.doesNotMatch(page.text, /<script|(src|href)="(https?:)?\/\//);
    });

    it('serves any pickle with a predict: objects by name, predictions as fields, NaN by its name', async () => {
      const module = `class Pricing:
    def predict(self, rows):
        return [{"price": row["rooms"] * 2.5, "ratio": float("nan"), "tags": [row["city"]]} for row in rows]
`;
      await writeFile(path.join(folder, 'pricing.py'), module);
      make('import pickle, pricing; pickle.dump(pricing.Pricing(), open("pricing.pkl", "wb"))');
      const rows = ['{"rooms": 2, "city": "Seoul"}', '{"rooms": 3.5, "city": null}'];
      await writeFile(path.join(folder, 'reference.jsonl'), rows.join('\n'));
      const { ask } = await serve();
      const instances = [{ rooms: 4, city: 'Busan' }, { rooms: 1 }];
      const { json } = await ask('POST', '/predict', { instances: instances.slice(0, 1) });
      assert.deepEqual(json, { predictions: [{ price: 10, ratio: 'NaN', tags: ['Busan'] }] });
      const refused = await ask('POST', '/predict', { instances: [{ rooms: 'x', city: 'a', door: 1 }, { city: 'a' }] });
      assert.deepEqual(
        refused.json.problems.map(({ where, message }: Record<string, string>) => `${where} ${message}`),
        [
          'instances[0].rooms must be of type float, not "x"',
          'instances[0] has door, which the model does not know',
          'instances[1] has no rooms',
        ],
      );
      const failed = await ask('POST', '/predict', { instances: [instances[1]] }, { 'X-Request-Id': 'r-1' });
      assert.deepEqual([failed.status, failed.json.code, failed.json.requestId], [500, 'model.failed', 'r-1']);
      const inputs = [
        { name: 'rooms', shape: [2, 1], datatype: 'INT32', data: [1, 2] },
        { name: 'city', shape: [2], datatype: 'BYTES', data: ['a', 'b'] },
      ];
      const inferred = await ask('POST', '/v2/models/digits/infer', { inputs, outputs: [{ name: 'price' }] });
      assert.deepEqual(inferred.json.outputs, [{ name: 'price', datatype: 'FP64', shape: [2], data: [2.5, 5] }]);
    });

    it('does not start with a model or a signature that it cannot use, and says why', async () => {
      assert.match(await refusal(), /holds none of model\.joblib, model\.pkl/);
      await writeFile(path.join(folder, 'model.pt'), 'x');
      assert.match(await refusal(), /model\.pt needs the library torch|is no TorchScript/);
      await rm(path.join(folder, 'model.pt'));
      make(threshold);
      await writeFile(path.join(folder, 'signature.json'), '{"inputs": {"a": {"type": "floaty", "shape": [-1]}}}');
      assert.match(await refusal(), /signature\.json: the "type" of the input a is none of float, int/);
    });

    it('serves an ONNX model by its own signature', async function () {
      if (onnxPython === undefined) {
        console.log('      skipped: SLIPWAY_TEST_ONNX_PYTHON names no Python with onnxruntime');
        this.skip();
      }
      make(onnx, onnxPython);
      const { ask } = await serve(onnxPython);
      const { json } = await ask('GET', '/v2/models/digits');
      assert.deepEqual([json.platform, json.signatureFrom], ['onnxruntime_onnx', 'the model file']);
      assert.deepEqual(json.inputs, [{ name: 'x', datatype: 'FP64', shape: [-1, 2] }]);
      const instances = [
        [1, 2],
        [3, 4],
      ];
      assert.deepEqual((await ask('POST', '/predict', { instances })).json, { predictions: [[5.5], [11.5]] });
      const input = { name: 'x', shape: [2, 2], datatype: 'FP32', data: [1, 2, 3, 4] };
      const inferred = await ask('POST', '/v2/models/digits/infer', { inputs: [input] });
      assert.deepEqual(inferred.json.outputs[0], {
        ...{ name: 'predictions', datatype: 'FP64', shape: [2, 1], data: [5.5, 11.5] },
      });
      assert.equal((await ask('POST', '/predict', { instances: [[1, 2, 3]] })).status, 422);
    });
  });
}

/** y = x · (1, 2) + 0.5 for rows of two numbers. */
const onnx = `import numpy, onnx
from onnx import helper, numpy_helper, TensorProto
weights = numpy_helper.from_array(numpy.array([[1], [2]], numpy.float32), "w")
bias = numpy_helper.from_array(numpy.array([0.5], numpy.float32), "b")
nodes = [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["y"])]
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])
graph = helper.make_graph(nodes, "linear", [x], [y], [weights, bias])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.save(model, "model.onnx")
`;

async function request(
  folder: string,
  method: string,
  url: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answered> {
  const text = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
  const type = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  const sent = http.request({
    ...{ socketPath: path.join(folder, 's'), method, path: url },
    headers: { ...type, ...headers },
  });
  sent.end(text);
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  let received = '';
  for await (const chunk of response) received += chunk;
  const isJson = response.headers['content-type'] === 'application/json';
  const json: unknown = isJson ? JSON.parse(received) : undefined;
  return { status: response.statusCode!, headers: response.headers, text: received, json };
}
