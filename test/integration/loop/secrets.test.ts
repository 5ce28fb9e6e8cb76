// Secrets: a program gets them, and what it prints of them is seen nowhere.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from '../../unit/cli/memoryShell.ts';
import { placeOfSuite, type Server, until } from './place.ts';

const value = 'hf_Zq7"$x 가-secret';

describe('secrets', function () {
  this.timeout(60_000);
  const place = placeOfSuite();
  let server: Server;

  before(async () => {
    server = await place.serve();
    await mkdir(place.path('work'));
    await writeFile(
      place.path('work', 'work.sh'),
      [
        'printf %s "$HF_TOKEN" | sha256sum > $SLIPWAY_OUTPUT/digest',
        'echo "token=$HF_TOKEN."',
        'echo "token=$HF_TOKEN." >&2',
        // In pieces, so that no single write holds it.
        'for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do printf %s "$HF_TOKEN" | cut -zc $n | tr -d "\\0"; sleep 0.02; done',
        'echo; env; echo end',
      ].join('\n'),
    );
    await writeFile(
      place.path('work', 'slipway.yaml'),
      'project: hidden\nsecrets: [hf-token]\ntrain: { run: sh work.sh }\n',
    );
  });

  const slipway = (line: string[], stdin?: string) =>
    runCli(line, { cwd: place.path('work'), env: { SLIPWAY_DATA: place.data }, stdin });

  it('that are missing fail a run before anything is made of it, and say what to do', async () => {
    const run = await server.call('startRun', { body: { folder: place.path('work') } });
    const ended = await until(async () => {
      const one = await server.call('getRun', { params: { id: run.id } });
      return one.endedAt !== undefined && one;
    }, 'the run');
    assert.equal(ended.status, 'failed');
    assert.match(ended.reason, /There is no secret hf-token\. Set it: slipway secret set hf-token/);
  });

  it('are set from stdin, kept in a file of the owner, and listed by name', async () => {
    const set = await slipway(['secret', 'set', 'hf-token', '--json'], `${value}\n`);
    assert.equal(set.status, 0, set.stderr);
    assert.equal((JSON.parse(set.stdout) as { variable: string }).variable, 'HF_TOKEN');
    const file = place.path('data', 'secrets', 'hf-token');
    assert.equal(await readFile(file, 'utf8'), value);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(place.path('data', 'secrets'))).mode & 0o777, 0o700);
    const { stdout } = await slipway(['secret', 'list']);
    assert.match(stdout, /hf-token +HF_TOKEN/);
    assert.ok(!stdout.includes(value));
    const reserved = await slipway(['secret', 'set', 'path'], 'value');
    assert.match(reserved.stderr, /a secret path would be the variable PATH/i);
  });

  it('come to the program, and are stars in its log: in the file, in the stream, in what is read of it', async () => {
    const followed = await slipway(['run', 'start', '--follow']);
    assert.equal(followed.status, 0, followed.stderr);
    const [run] = (await server.call('listRuns', { query: { status: 'succeeded' } })).items;
    const printed = await readFile(place.path('data', 'runs', run!.id, 'output', 'digest'), 'utf8');
    assert.equal(printed.split(' ')[0], createHash('sha256').update(value).digest('hex'), 'the program has its value');
    const file = await readFile(place.path('data', 'workloads', `${run!.id}-1`, 'log'), 'utf8');
    const { stdout } = await slipway(['run', 'logs', run!.id]);
    for (const text of [file, followed.stdout, stdout]) {
      assert.equal(text.match(/^token=\*\*\*\.$/gm)?.length, 2, text);
      assert.match(text, /^HF_TOKEN=\*\*\*$/m);
      assert.match(text, /^end$/m, 'nothing is lost');
      assert.ok(!text.includes(value), text);
    }
  });

  it('stand nowhere below the data folder but in their own file; receipts hold the name', async () => {
    const exported = await slipway(['receipts', 'export']);
    await server.stop();
    const names = await readdir(place.data, { recursive: true, withFileTypes: true });
    const holding: string[] = [];
    for (const entry of names) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && (await readFile(path)).includes(value)) holding.push(path.slice(place.data.length + 1));
    }
    assert.deepEqual(holding, ['secrets/hf-token']);
    const payloads = exported.stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Buffer.from((JSON.parse(line) as { payload: string }).payload, 'base64').toString());
    assert.ok(payloads.some((payload) => payload.includes('"secrets":["hf-token"]')));
  });

  it('that are deleted are gone', async () => {
    server = await place.serve();
    assert.equal((await slipway(['secret', 'delete', 'hf-token'])).status, 2, 'nobody can be asked');
    assert.equal((await slipway(['secret', 'delete', 'hf-token', '--yes'])).status, 0);
    assert.deepEqual((await server.call('listSecrets')).items, []);
    assert.equal((await slipway(['secret', 'delete', 'hf-token', '--yes'])).status, 1);
  });
});
