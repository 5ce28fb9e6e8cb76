import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import type { Run } from '../../../server/protocol/entities.ts';
import { type Place, placeOfSuite, processesOf, Refusal, type Server, until } from './place.ts';

const limitMs = 60_000;

describe('what is refused changes nothing and says why', function () {
  this.timeout(120_000);
  const place = placeOfSuite();
  let server: Server;
  before(async () => {
    server = await place.serve();
    // Something is there already, so that "nothing changed" means something.
    await project(
      place,
      'before',
      { 'train.py': 'print("hello")' },
      'project: before-all\ntrain: { run: python train.py }',
    );
    const { id } = await server.call('startRun', { body: { folder: place.path('before') } });
    await endOf(server, id);
  });

  /** The API refuses with an error that tells; receipts and objects are as they were. */
  async function refused(ask: () => Promise<unknown>, code: string, ...named: (string | RegExp)[]): Promise<void> {
    const before = await state();
    const refusal = await ask().then(
      () => assert.fail('it was not refused'),
      (error: Error) => error,
    );
    assert.ok(refusal instanceof Refusal, String(refusal));
    assert.equal(refusal.code, code, refusal.message);
    const text = `${refusal.message} ${refusal.hint}`;
    for (const name of named)
      assert.ok(typeof name === 'string' ? text.includes(name) : name.test(text), `${text} does not name ${name}`);
    assert.notEqual(refusal.hint, '', 'the error has no hint');
    assert.deepEqual(await state(), before);
  }

  async function state(): Promise<unknown> {
    const { items } = await server.call('listProjects');
    const objects = await readdir(place.path('data', 'objects'), { recursive: true }).catch(() => []);
    const runs = await server.call('listRuns');
    return {
      heads: items.map(({ name, head }) => ({ name, head })),
      objects: objects.sort(),
      runs: runs.items.map(({ id }) => id),
    };
  }

  const yamls: [string, string, string, ...(string | RegExp)[]][] = [
    [
      'a typo in a key',
      'project: typo\ntrian: { run: python train.py }',
      'yaml.unknownKey',
      '`trian`',
      '`train`',
      'slipway.yaml:2',
    ],
    [
      'a typo in a nested key',
      'project: typo\ntrain: { run: python train.py, parms: {} }',
      'yaml.unknownKey',
      '`parms`',
      '`params`',
    ],
    [
      'a wrong type',
      'project: wrong\ntrain: { run: python train.py, retries: many }',
      'yaml.wrongValue',
      'train.retries',
    ],
    [
      'a wrong value',
      'project: wrong\ntrain: { run: python train.py, timeout: soon }',
      'yaml.wrongValue',
      'train.timeout',
      '60s',
    ],
    ['a missing key', 'train: { run: python train.py }', 'yaml.missingKey', 'project'],
    ['no YAML', 'project: [', 'yaml.syntax', 'slipway.yaml:'],
    [
      'a cycle',
      'project: circle\nstages: { a: { needs: [b], run: "true" }, b: { needs: [a], run: "true" } }\ntrain: { run: python train.py }',
      'yaml.cycle',
      /a → b → a|b → a → b/,
    ],
    [
      'an unknown stage',
      'project: needs\nstages: { prepare: { run: "true" } }\ntrain: { needs: [prepar], run: "true" }',
      'yaml.unknownStage',
      'prepar',
      '`prepare`',
    ],
    ['a missing script', 'project: missing\ntrain: { run: python trane.py }', 'run.noScript', 'trane.py'],
  ];
  for (const [what, yaml, code, ...named] of yamls) {
    it(`slipway.yaml with ${what}`, async () => {
      const folder = await project(place, `yaml ${what}`, { 'train.py': 'print(1)' }, yaml);
      await refused(() => server.call('startPipeline', { body: { folder } }), code, ...named);
      await refused(() => server.call('startRun', { body: { folder } }), code, ...named);
      const ended = await place.slipway(['run', 'start', '--data', place.data], { cwd: folder });
      assert.equal(ended.status, 1);
      assert.match(ended.stderr, /^slipway: .*\nhint: ./m);
    });
  }

  it('a folder without slipway.yaml, and one that is not there', async () => {
    const folder = await project(place, 'bare', { 'train.py': 'print(1)' });
    await refused(
      () => server.call('startPipeline', { body: { folder } }),
      'yaml.missing',
      folder,
      'slipway run start --',
    );
    await refused(
      () => server.call('startPipeline', { body: { folder: place.path('nowhere') } }),
      'yaml.missing',
      'nowhere',
    );
  });

  /** Long work is refused in its operation. */
  async function add(path: string, name = 'refused'): Promise<void> {
    const { id } = await server.call('addDatasetVersion', { body: { name, path } });
    const operation = await until(async () => {
      const now = await server.call('getOperation', { params: { id } });
      return now.status === 'running' ? undefined : now;
    }, `the operation ${id}`);
    if (operation.status === 'failed') throw new Refusal(400, operation.error!);
  }

  it('an empty dataset, and one that is not there', async () => {
    const empty = place.path('empty');
    await mkdir(join(empty, 'inside'), { recursive: true });
    await refused(() => add(empty), 'dataset.empty', empty);
    await refused(() => add(place.path('nowhere')), 'dataset.noPath', 'nowhere');
    await assert.rejects(server.call('listDatasetVersions', { params: { name: 'refused' } }), {
      code: 'dataset.unknown',
    });
  });

  it('a file name that is not UTF-8', async () => {
    const folder = place.path('latin');
    await mkdir(folder);
    await writeFile(join(folder, 'fine.txt'), 'fine');
    await writeFile(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]), 'coffee');
    await refused(() => add(folder), 'dataset.fileName', /caf.*\.txt/);
  });

  it('a name that breaks the rule', async () => {
    await refused(() => add(place.path('before'), 'Not A Name'), 'request.invalid', 'name');
  });

  it('a wrong token, and none', async () => {
    for (const [token, code] of [
      ['Bearer nonsense', 'auth.token'],
      ['', 'auth.required'],
    ] as const) {
      const answer = await fetch(`${server.url}/api/v1/runs`, token ? { headers: { authorization: token } } : {});
      assert.equal(answer.status, 401);
      const body = (await answer.json()) as { code: string; hint: string };
      assert.equal(body.code, code);
      assert.match(body.hint, /token/);
    }
    await writeFile(place.path('wrong-token'), 'nonsense');
    const args = ['run', 'list', '--server', server.url, '--token-file', place.path('wrong-token')];
    const ended = await place.slipway(args);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /token is not that of this control plane/);
  });

  it('a body of 100 MB', async () => {
    const before = await state();
    for (const length of [{ 'content-length': String(100e6) }, {}] as Record<string, string>[]) {
      const { status, code } = await postMuch(`${server.url}/api/v1/pipelines`, server.token, 100e6, length);
      assert.equal(status, 413);
      assert.match(code, /^request\./);
    }
    assert.deepEqual(await state(), before);
  });
});

describe('a run ends with its true reason, keeps its log, and leaves no process', function () {
  this.timeout(120_000);
  const place = placeOfSuite();
  let server: Server;
  before(async () => {
    server = await place.serve();
  });

  async function run(name: string, script: string, extra = ''): Promise<{ run: Run; log: string }> {
    const folder = await project(
      place,
      name,
      { 'train.py': script },
      `project: ${name}\ntrain: { run: python train.py${extra} }`,
    );
    const { id } = await server.call('startRun', { body: { folder } });
    const ended = await endOf(server, id);
    assert.deepEqual(await processesOf(place.path('data', 'runs', id)), [], 'a process is left');
    const { text } = await server.call('readRunLogs', { params: { id } });
    return { run: ended, log: text };
  }

  it('a script that exits 3', async () => {
    const { run: ended, log } = await run('exits', 'import sys\nprint("before the end")\nsys.exit(3)');
    assert.equal(ended.status, 'failed');
    assert.equal(ended.exitCode, 3);
    assert.match(ended.reason, /Exit status 3/);
    assert.match(log, /before the end/);
  });

  it('a script with an exception: its type, message and line', async () => {
    const { run: ended } = await run('raises', 'def f():\n    raise ValueError("no such colour")\nf()');
    assert.match(ended.reason, /ValueError: no such colour/);
    assert.deepEqual([ended.exception?.frame?.file, ended.exception?.frame?.line], ['train.py', 2]);
  });

  it('a script that a signal ends', async () => {
    const { run: ended } = await run('killed', 'import os\nprint("now", flush=True)\nos.kill(os.getpid(), 9)');
    assert.equal(ended.status, 'failed');
    assert.match(ended.reason, /SIGKILL/);
    assert.ok(ended.signal === 'SIGKILL' || ended.exitCode === 128 + 9, 'of the program, or of the shell around it');
  });

  it('a script that prints binary junk', async () => {
    const script =
      'import os, sys\nfor i in range(300): os.write(1, bytes([i % 256]) * 7)\nos.write(1, b"\\xff\\xfe\\x00\\nthe end\\n")';
    const { run: ended, log } = await run('junk', script);
    assert.equal(ended.status, 'succeeded', ended.reason);
    assert.match(log, /the end/);
  });

  it('a script that outlives its timeout', async () => {
    const script =
      'import time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint("waiting", flush=True)\ntime.sleep(600)';
    const { run: ended, log } = await run('late', script, ', timeout: 2s, checkpoints: { grace: 500ms }');
    assert.equal(ended.status, 'failed');
    assert.match(ended.reason, /2 ?s/);
    assert.match(ended.reason, /time/i);
    assert.match(log, /waiting/);
  });

  it('a script that forks children and leaves them behind', async () => {
    const script = [
      'import os, subprocess, sys',
      'for own in (False, True):',
      '    child = subprocess.Popen(["sleep", "600"], start_new_session=own)',
      '    print("child", child.pid, flush=True)',
    ].join('\n');
    const { run: ended, log } = await run('forks', script);
    assert.equal(ended.status, 'succeeded', ended.reason);
    const pids = [...log.matchAll(/child (\d+)/g)].map((match) => match[1]!);
    assert.equal(pids.length, 2);
    const left = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
    assert.deepEqual(
      left.filter((stat) => stat !== '' && !stat.includes(') Z ')),
      [],
    );
  });

  it('an event file cut in the middle: the points before it are there, and the place is told', async () => {
    const script = [
      'import glob, os, tempfile',
      'from tensorboardX import SummaryWriter',
      'aside = tempfile.mkdtemp(dir=os.environ["SLIPWAY_OUTPUT"])',
      'writer = SummaryWriter(aside)',
      'for step in range(100): writer.add_scalar("loss", 1 / (step + 1), step)',
      'writer.close()',
      'path = glob.glob(aside + "/events*")[0]',
      'os.truncate(path, os.path.getsize(path) * 2 // 3)',
      'os.replace(path, os.environ["SLIPWAY_LOGDIR"] + "/" + os.path.basename(path))',
    ].join('\n');
    const { run: ended } = await run('cut', script);
    assert.equal(ended.status, 'succeeded', ended.reason);
    const { tags, problems } = await server.call('listRunMetrics', { params: { id: ended.id } });
    const loss = tags.find(({ tag }) => tag === 'loss');
    assert.ok(loss && loss.points > 50 && loss.points < 100, JSON.stringify(tags));
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.file, /events/);
    assert.ok(problems[0]!.offset > 0);
  });

  it('NaN as objective: the trial failed for that reason, and the sweep goes on with the others', async () => {
    const script = [
      'import json, os, sys',
      'value = float(sys.argv[2])',
      'json.dump({"loss": float("nan") if value > 0.5 else value}, open(os.environ["SLIPWAY_METRICS"], "w"))',
    ].join('\n');
    const yaml = [
      'project: nan-objective',
      'train: { run: python train.py, args: argparse, params: { x: 0.0 }, objective: { metric: loss, goal: minimize } }',
      'sweep: { sampler: grid, trials: 2, parallel: 1, space: { x: { choice: [0.75, 0.25] } } }',
    ].join('\n');
    const folder = await project(place, 'nan', { 'train.py': script }, yaml);
    const { id } = await server.call('startSweep', { body: { folder } });
    const sweep = await until(async () => {
      const now = await server.call('getSweep', { params: { id } });
      return now.endedAt === undefined ? undefined : now;
    }, `the sweep ${id}`);
    assert.equal(sweep.status, 'finished', sweep.reason);
    const { items } = await server.call('listTrials', { params: { id } });
    const bad = items.find(({ params }) => params['x'] === 0.75)!;
    assert.equal(bad.status, 'failed');
    assert.match(bad.reason, /NaN/);
    assert.equal(sweep.best?.value, 0.25);
    assert.equal(sweep.counts.failed, 1);
  });

  it('what was asked to stop is stopped, with the reason that was given', async () => {
    const folder = await project(
      place,
      'stopped',
      { 'train.py': 'import time\nprint("up", flush=True)\ntime.sleep(600)' },
      'project: stopped\ntrain: { run: python train.py }',
    );
    const { id } = await server.call('startRun', { body: { folder } });
    await until(
      async () => (await server.call('readRunLogs', { params: { id } })).text.includes('up'),
      'its first line',
    );
    await server.call('stopRun', { params: { id }, body: { reason: 'wrong data' } });
    const ended = await endOf(server, id);
    assert.equal(ended.status, 'stopped');
    assert.match(ended.reason, /wrong data/);
    assert.deepEqual(await processesOf(place.path('data', 'runs', id)), []);
  });

  it('file names with spaces, quotes, Korean, emoji, a backslash and a line break are accepted and come back', async () => {
    const names = [
      'two words.txt',
      `it's "quoted".txt`,
      '한국어/데이터.txt',
      '🚀.txt',
      'back\\slash.txt',
      'line\nbreak.txt',
      '\uff21.txt',
      '-dash.txt',
      '$(x).txt',
    ];
    const folder = place.path('names');
    for (const [n, name] of names.entries()) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), `content ${n}`);
    }
    const added = await place.slipway(['dataset', 'add', folder, '--name', 'names', '--json', '--data', place.data]);
    assert.equal(added.status, 0, added.stderr);
    assert.equal((JSON.parse(added.stdout) as { files: number }).files, names.length);
    const to = place.path('names again');
    const out = await place.slipway(['dataset', 'checkout', 'names', '--to', to, '--data', place.data]);
    assert.equal(out.status, 0, out.stderr);
    for (const [n, name] of names.entries()) assert.equal(await readFile(join(to, name), 'utf8'), `content ${n}`, name);
  });
});

async function project(place: Place, name: string, files: Record<string, string>, yaml?: string): Promise<string> {
  const folder = place.path(name);
  await mkdir(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  if (yaml !== undefined) await writeFile(join(folder, 'slipway.yaml'), `${yaml}\n`);
  return folder;
}

async function endOf(server: Server, id: string): Promise<Run> {
  return until(
    async () => {
      const run = await server.call('getRun', { params: { id } });
      return run.endedAt === undefined ? undefined : run;
    },
    `the run ${id} to end`,
    limitMs,
  );
}

/** Sends a body until it is whole or the server has answered; an answer may come while it is being sent. */
function postMuch(
  url: string,
  token: string,
  bytes: number,
  headers: Record<string, string>,
): Promise<{ status: number; code: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    });
    let isAnswered = false;
    asked.on('response', (response) => {
      isAnswered = true;
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode!, code: (JSON.parse(text) as { code: string }).code });
        asked.destroy();
      });
    });
    asked.on('error', (error) => {
      if (!isAnswered) reject(error);
    });
    const piece = Buffer.alloc(1 << 20, 'a');
    let left = bytes;
    const send = () => {
      while (left > 0 && !isAnswered) {
        left -= piece.length;
        if (!asked.write(left < 0 ? piece.subarray(0, piece.length + left) : piece)) {
          asked.once('drain', send);
          return;
        }
      }
      if (!isAnswered) asked.end();
    };
    send();
  });
}
