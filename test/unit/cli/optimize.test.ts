// `slipway optimize` as programs use it: a real process, lines over pipes.
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const main = path.resolve(import.meta.dirname, '../../../server/cli/main.ts');

interface Line {
  trial?: number;
  params?: { x: number };
  stop?: boolean;
  best?: { trial: number; value: number } | null;
}

describe('slipway optimize', function () {
  this.timeout(30_000);
  let folder = '';
  let child: ChildProcessWithoutNullStreams | undefined;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'slipway-optimize-'));
    await writeFile(path.join(folder, 'bare.yaml'), 'x: {float: [0, 1]}\n');
    await writeFile(path.join(folder, 'under.json'), '{"space": {"x": {"float": [0, 1]}}}');
    await writeFile(path.join(folder, 'named.yaml'), 'space: {float: [0, 1]}\n');
  });
  afterEach(() => child?.kill('SIGKILL'));
  after(() => rm(folder, { recursive: true }));

  function start(...options: string[]) {
    child = spawn(process.execPath, [main, 'optimize', ...options], { cwd: folder, stdio: 'pipe' });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return {
      child,
      tell: (line: object) => child!.stdin.write(`${JSON.stringify(line)}\n`),
      async next(): Promise<Line> {
        const { value, done } = await lines.next();
        assert.notEqual(done, true, 'the output ended');
        return JSON.parse(String(value)) as Line;
      },
      async ended(): Promise<number> {
        assert.equal((await lines.next()).done, true);
        if (child!.exitCode === null) await once(child!, 'exit');
        return child!.exitCode!;
      },
    };
  }

  for (const file of ['bare.yaml', 'under.json']) {
    it(`answers each line before the next is written, and ends with the best (${file})`, async () => {
      const { next, tell, ended } = start(
        '--space',
        file,
        '--sampler',
        'random',
        '--trials',
        '5',
        '--parallel',
        '2',
        '--seed',
        '3',
      );
      const running = [await next(), await next()];
      const values: number[] = [];
      for (let told = 0; told < 5; told++) {
        const { trial, params } = running.shift()!;
        values.push(params!.x);
        tell({ trial, value: params!.x });
        if (told < 3) running.push(await next());
      }
      const { best } = await next();
      assert.equal(best!.value, Math.min(...values));
      assert.equal(await ended(), 0);
    });
  }

  it('takes a parameter that is named space', async () => {
    const { next } = start('--space', 'named.yaml', '--sampler', 'random');
    assert.deepEqual(Object.keys((await next()).params!), ['space']);
  });

  it('answers reports on the way, and ends with the best when the input ends', async () => {
    const { child, next, tell, ended } = start('--space', 'bare.yaml', '--sampler', 'random', '--goal', 'maximize');
    await next();
    tell({ trial: 0, step: 1, value: 0.5 });
    assert.deepEqual(await next(), { trial: 0, step: 1, stop: false });
    tell({ trial: 0, value: 0.25 });
    await next();
    child.stdin.end();
    assert.equal((await next()).best!.value, 0.25);
    assert.equal(await ended(), 0);
  });

  it('refuses a line that it does not understand with status 1, unknown samplers too', async () => {
    const { child, next, tell, ended } = start('--space', 'bare.yaml');
    const errors: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    await next();
    tell({ trial: 9, value: 1 });
    assert.equal(await ended(), 1);
    assert.match(Buffer.concat(errors).toString(), /Trial 9 was never given/);
    assert.equal(await start('--space', 'bare.yaml', '--sampler', 'magic').ended(), 1);
    assert.equal(await start('--sampler', 'random').ended(), 2);
  });
});
