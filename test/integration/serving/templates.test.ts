import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { type Gateway, startGateway, until } from './gatewayHarness.ts';

const TEMPLATES = path.resolve(import.meta.dirname, '../../../resources/templates');
const python = process.env['SLIPWAY_TEST_PYTHON'];

interface ModelServer {
  socket: string;
  child: ChildProcess;
  log: () => string;
}

/** Why the templates cannot run here; null where they can. */
function missing(): string | null {
  if (python === undefined) return 'SLIPWAY_TEST_PYTHON names no Python with fastapi, uvicorn and flask';
  try {
    execFileSync(python, ['-c', 'import fastapi, flask, uvicorn'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `SLIPWAY_TEST_PYTHON: ${(error as Error).message}`;
  }
}

for (const framework of ['fastapi', 'flask']) {
  describe(`the ${framework} model server`, function () {
    this.timeout(60_000);
    let folder = '';
    const children: ChildProcess[] = [];
    const gateways: Gateway[] = [];
    before(function () {
      const reason = missing();
      if (reason !== null) {
        console.log(`      skipped: ${reason}`);
        this.skip();
      }
    });
    beforeEach(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'slipway-ms-'));
      await writeFile(path.join(folder, 'secret'), 's3cret\n');
      await writeFile(
        path.join(folder, 'doubling.py'),
        'class Double:\n    def predict(self, xs):\n        return [2 * x for x in xs]\n',
      );
      const pickling = 'import pickle, doubling; pickle.dump(doubling.Double(), open("model.pkl", "wb"))';
      execFileSync(python!, ['-c', pickling], { cwd: folder, env: { ...process.env, PYTHONPATH: folder } });
    });
    afterEach(async () => {
      for (const gateway of gateways.splice(0)) await gateway.close();
      for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
      if (folder !== '') await rm(folder, { recursive: true });
      folder = '';
    });

    async function serve(name: string, env: Record<string, string> = {}): Promise<ModelServer> {
      const socket = path.join(folder, `${name}.sock`);
      const child = spawn(python!, [path.join(TEMPLATES, framework, 'server.py')], {
        env: {
          ...process.env,
          PYTHONPATH: folder,
          SLIPWAY_MODEL: folder,
          SLIPWAY_SOCKET: socket,
          SLIPWAY_MODEL_NAME: 'digits',
          SLIPWAY_MODEL_VERSION: '5',
          SLIPWAY_RECEIPT: 'abc',
          SLIPWAY_REPLICA_SECRET_FILE: path.join(folder, 'secret'),
          ...env,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      children.push(child);
      let log = '';
      child.stderr.on('data', (chunk) => {
        log += chunk;
      });
      await until(async () => {
        assert.equal(child.exitCode, null, log);
        return (await status(socket, '/ready').catch(() => 0)) === 200;
      });
      return { socket, child, log: () => log };
    }

    const routes = (servers: readonly ModelServer[]) => ({
      endpoints: {
        digits: {
          access: 'open',
          revisions: [
            {
              name: 'v5',
              weight: 100,
              replicas: servers.map(({ socket }) => ({
                socket,
                ready: '/ready',
                secretFile: path.join(folder, 'secret'),
              })),
            },
          ],
        },
      },
    });

    async function gatewayTo(servers: readonly ModelServer[]): Promise<Gateway> {
      const gateway = await startGateway(routes(servers));
      gateways.push(gateway);
      return gateway;
    }

    const predict = (gateway: Gateway, instances: unknown, requestId = 'r-1') =>
      fetch(`${gateway.url}/endpoints/digits/predict`, {
        method: 'POST',
        body: JSON.stringify({ instances }),
        headers: { 'Content-Type': 'application/json', 'X-Request-Id': requestId },
      });

    it('serves a pickled model through the gateway, and nobody without the secret', async () => {
      const server = await serve('a');
      const gateway = await gatewayTo([server]);
      const response = await predict(gateway, [1, 2]);
      assert.deepEqual(await response.json(), { predictions: [2, 4] });
      const model = await (await fetch(`${gateway.url}/endpoints/digits/v2/models/digits`)).json();
      assert.equal((model as { version: string }).version, '5');
      assert.equal((model as { receipt: string }).receipt, 'abc');
      assert.equal(await status(server.socket, '/v2/models/digits'), 403);
    });

    it('answers an exception with the request id and writes the traceback with it into its log', async () => {
      const server = await serve('a');
      const response = await predict(await gatewayTo([server]), [{}], 'r-42');
      assert.equal(response.status, 500);
      const body = (await response.json()) as { code: string; requestId: string };
      assert.deepEqual([body.code, body.requestId], ['model.failed', 'r-42']);
      await until(() => /request r-42 failed[\s\S]*TypeError/.test(server.log()));
    });

    it('serves the app of an entry', async () => {
      const entry = path.join(folder, 'serve.py');
      const fastapi =
        'from fastapi import FastAPI\napp = FastAPI()\n@app.get("/hi")\ndef hi():\n    return {"hi": 1}\n';
      const flask = 'from flask import Flask\napp = Flask("x")\n@app.get("/hi")\ndef hi():\n    return {"hi": 1}\n';
      await writeFile(entry, framework === 'fastapi' ? fastapi : flask);
      const gateway = await gatewayTo([await serve('a', { SLIPWAY_ENTRY: entry })]);
      assert.deepEqual(await (await fetch(`${gateway.url}/endpoints/digits/hi`)).json(), { hi: 1 });
    });

    it('says that it is not ready and still serves while it drains, then ends with status 0', async () => {
      const server = await serve('a');
      server.child.kill('SIGTERM');
      await until(async () => (await status(server.socket, '/ready')) === 503);
      assert.equal(await status(server.socket, '/v2/models/digits', 's3cret'), 200);
      if (server.child.exitCode === null) await once(server.child, 'exit');
      assert.equal(server.child.exitCode, 0);
    });

    it('fails no request while its replicas are replaced under load', async () => {
      let servers = [await serve('a0'), await serve('b0')];
      const gateway = await gatewayTo(servers);
      const failures: string[] = [];
      let answered = 0;
      let isReplacing = true;
      const agent = new http.Agent({ keepAlive: true });
      const client = async () => {
        while (isReplacing) {
          const result = await post(agent, gateway.port, '{"instances":[21]}');
          if (result !== '200 {"predictions":[42]}') failures.push(result);
          answered++;
        }
      };
      const clients = Array.from({ length: 4 }, client);
      for (const generation of [1, 2]) {
        const next = [await serve(`a${generation}`), await serve(`b${generation}`)];
        const old = servers;
        // The first one ends without notice to the gateway, which sees it drain; the second leaves the routes before.
        old[0]!.child.kill('SIGTERM');
        await gateway.route(routes(next));
        old[1]!.child.kill('SIGTERM');
        for (const { child } of old) if (child.exitCode === null) await once(child, 'exit');
        servers = next;
      }
      isReplacing = false;
      await Promise.all(clients);
      agent.destroy();
      assert.deepEqual(failures, []);
      assert.ok(answered > 100, `${answered}`);
    });
  });
}

async function status(socketPath: string, target: string, secret = ''): Promise<number> {
  const headers: Record<string, string> = secret === '' ? {} : { 'X-Slipway-Replica-Secret': secret };
  const request = http.get({ socketPath, path: target, headers });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  return response.statusCode!;
}

function post(agent: http.Agent, port: number, body: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const options = { agent, port, host: '127.0.0.1', method: 'POST', path: '/endpoints/digits/predict', headers };
    const request = http.request(options, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve(`${response.statusCode} ${text.replaceAll(/\s/g, '')}`);
    });
    request.on('error', (error) => resolve(error.message));
    request.end(body);
  });
}
