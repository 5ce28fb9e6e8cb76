import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import type { Command } from '../../../server/cli/command.ts';
import { nouns } from '../../../server/cli/nouns.ts';
import { parseCommandLine } from '../../../server/cli/parseCommandLine.ts';
import { runCli } from './memoryShell.ts';

/** The words of an example as a shell would split it. */
function words(example: string): string[] {
  const [, ...line] = example.split(/ [>|] /)[0]!.match(/'[^']*'|"[^"]*"|\S+/g)!;
  return line.map((word) => word.replace(/^(['"])(.*)\1$/, '$2'));
}

describe('the command line', () => {
  it('shows every command that is not hidden, and ends with status 0', async () => {
    const { status, stdout } = await runCli(['--help']);
    assert.equal(status, 0);
    for (const { name, isHidden } of nouns) assert.equal(new RegExp(`^ {2}${name} `, 'm').test(stdout), !isHidden);
  });

  it('without a command shows the help on stderr and ends with status 2', async () => {
    for (const line of [[], ['dataset']]) {
      const { status, stdout, stderr } = await runCli(line);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /Commands:/);
    }
  });

  it('names the nearest command, and ends with status 2', async () => {
    assert.deepEqual(await runCli(['datset', 'list']), {
      status: 2,
      stdout: '',
      stderr: 'slipway: unknown command datset\nhint: Did you mean dataset?\n',
    });
    assert.match((await runCli(['dataset', 'lst'])).stderr, /dataset: unknown command lst\nhint: Did you mean list\?/);
    assert.match((await runCli(['dataset', '--json', 'list'])).stdout, /a command is missing/);
  });

  it('tells errors as one JSON document with --json', async () => {
    const { status, stdout, stderr } = await runCli(['run', 'list', '--limitt', '3', '--json']);
    assert.deepEqual([status, stderr], [2, '']);
    assert.deepEqual(JSON.parse(stdout), {
      code: 'usage',
      message: 'run list: unknown option --limitt',
      hint: 'Did you mean --limit?',
    });
  });

  it('leaves a --json after -- to the program', async () => {
    const { stdout, stderr } = await runCli(['run', 'start', '--data', '/nowhere/data', '--', 'tool', '--json']);
    assert.equal(stdout, '');
    assert.match(stderr, /No control plane runs on \/nowhere\/data/);
  });

  it('says how to start a control plane where none runs, and ends with status 1', async () => {
    const { status, stderr } = await runCli(['dataset', 'list'], { env: { SLIPWAY_DATA: '/nowhere/data' } });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^slipway: No control plane runs on \/nowhere\/data\.\nhint: Start one: slipway serve --data \/nowhere\/data/,
    );
  });

  describe('with a server.json', () => {
    let data = '';
    before(async () => {
      data = await mkdtemp(path.join(tmpdir(), 'slipway-cli-'));
      await writeFile(path.join(data, 'token'), 'secret');
    });
    after(() => rm(data, { recursive: true }));

    const server = { pid: process.pid, host: hostname(), bootId: null, startedAt: 1, url: 'http://127.0.0.1:9' };
    const list = async (content: object) => {
      await writeFile(path.join(data, 'server.json'), JSON.stringify(content));
      return (await runCli(['dataset', 'list', '--data', data])).stderr;
    };

    it('takes it for stale when its process is gone or the machine has booted since', async () => {
      assert.match(await list({ ...server, pid: 2 ** 22 + 1 }), /No control plane runs on/);
      if (process.platform === 'linux')
        assert.match(await list({ ...server, bootId: 'another' }), /No control plane runs on/);
    });

    it('names the machine that it runs on, if that is another', async () => {
      assert.match(await list({ ...server, host: 'elsewhere' }), /runs on another machine, elsewhere/);
    });

    it('says that it does not answer', async () => {
      assert.match(await list(server), /The control plane at http:\/\/127\.0\.0\.1:9 does not answer/);
    });
  });

  it('wants a token file with --server', async () => {
    const { status, stderr } = await runCli(['dataset', 'list', '--server', 'http://127.0.0.1:9']);
    assert.equal(status, 2);
    assert.match(stderr, /--server needs --token-file FILE/);
  });

  it('shows an internal error without its stack', async () => {
    const { stderr } = await runCli(['metrics', 'export', '\0']);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  describe('every command', () => {
    const all: Command[] = [];
    before(async () => {
      for (const noun of nouns) all.push(...(await noun.load()).commands);
    });

    it('stands under its noun, once', async () => {
      for (const noun of nouns) {
        for (const { name } of (await noun.load()).commands) assert.equal(name.split(' ')[0], noun.name);
      }
      assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    });

    it('has help with usage, options and examples', async () => {
      for (const { name, summary } of all) {
        const { status, stdout } = await runCli([...name.split(' '), '--help']);
        assert.equal(status, 0, name);
        for (const part of [summary, `Usage: slipway ${name}`, '--json', 'Examples:\n  slipway '])
          assert.ok(stdout.includes(part), `${name}: ${part}`);
      }
    });

    it('has examples that it accepts', () => {
      for (const one of all) {
        assert.ok(one.examples.length > 0, one.name);
        for (const example of one.examples) {
          // Where the value comes from is the shell's part of the line.
          const line = words(example.replace(/^.* \| | < \S+$/g, ''));
          const depth = one.name.split(' ').length;
          assert.equal(line.slice(0, depth).join(' '), one.name);
          assert.doesNotThrow(() => parseCommandLine(one, line.slice(depth)), example);
        }
      }
    });
  });
});
