import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { explanationOf } from '../../../server/cli/commands/cluster.ts';
import { dataFolder } from '../../../server/cli/dataFolder.ts';
import { progressText } from '../../../server/cli/followOperation.ts';
import { readPages } from '../../../server/cli/listing.ts';
import {
  alignColumns,
  bytesText,
  durationText,
  facts,
  numberText,
  paint,
  progressLine,
} from '../../../server/cli/output.ts';
import { parseParams } from '../../../server/cli/params.ts';
import { createStepper } from '../../../server/cli/stepper.ts';
import { memoryShell } from './memoryShell.ts';

function terminal(columns = 20) {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns });
  return { stream, text: () => String(stream.read() ?? '') };
}

describe('output of the command line', () => {
  it('aligns columns by the width that is seen: wide characters take two, colours none', () => {
    assert.equal(
      alignColumns([
        ['a', 'x'],
        ['日本', 'y'],
        ['\u001b[31mred\u001b[0m', 'z'],
      ]),
      'a     x\n日本  y\n\u001b[31mred\u001b[0m   z',
    );
  });

  it('leaves out facts that are not there', () => {
    assert.equal(
      facts([
        ['a', 1],
        ['bcd', undefined],
        ['e', ''],
        ['f', 0],
      ]),
      'a:  1\nf:  0',
    );
  });

  it('shows numbers as they are, also those that are not finite', () => {
    assert.deepEqual(
      [numberText(0.1 + 0.2), numberText('NaN'), numberText(null), numberText(0)],
      ['0.3', 'NaN', '–', '0'],
    );
    assert.deepEqual([bytesText(1023), bytesText(1024), bytesText(5.5 * 1024 ** 3)], ['1023 B', '1.0 KiB', '5.5 GiB']);
    assert.deepEqual(
      [durationText(59_000), durationText(61_000), durationText(3_660_000)],
      ['59 s', '1 min 1 s', '1 h 1 min'],
    );
  });

  it('has colours only on a terminal without NO_COLOR', () => {
    const stdout = terminal().stream;
    assert.notEqual(paint(memoryShell({ stdout }), 'red', 'x'), 'x');
    assert.equal(paint(memoryShell({ stdout, env: { NO_COLOR: '1' } }), 'red', 'x'), 'x');
    assert.equal(paint(memoryShell(), 'red', 'x'), 'x');
  });

  it('draws progress only on a terminal, never with --json, and no longer than a line', () => {
    const { stream, text } = terminal();
    progressLine(memoryShell({ stderr: stream, json: true })).update('x');
    assert.equal(text(), '');
    progressLine(memoryShell({ stderr: stream })).update('x'.repeat(50));
    assert.equal(text().match(/x/g)!.length, 19);
  });

  it('says how far long work is', () => {
    const work = {
      kind: 'dataset.add',
      subject: 'digits',
      progress: { done: 50, total: 200, unit: 'files', message: '10 files/s' },
    };
    assert.equal(progressText(work), 'dataset.add digits: 50 of 200 files (25 %), 10 files/s');
  });

  it('tells each change of a step once where there is no terminal', () => {
    const stderr = new PassThrough();
    const stepper = createStepper(memoryShell({ stderr }), (step: { id: string; status: string }) => [
      step.id,
      step.status,
    ]);
    for (const status of ['waiting', 'running', 'running', 'done']) stepper.update([{ id: 'train', status }]);
    stepper.end();
    assert.equal(String(stderr.read()), 'train  running\ntrain  done\n');
  });

  it('draws the list of steps over itself on a terminal, each line cut to its width', () => {
    const { stream, text } = terminal(8);
    const stepper = createStepper(memoryShell({ stderr: stream }), (step: { id: string; status: string }) => [
      step.id,
      step.status,
    ]);
    stepper.update([{ id: 'train', status: 'running' }]);
    stepper.update([{ id: 'train', status: 'done' }]);
    stepper.end();
    assert.equal(text(), '\r\u001b[Jtrain  \u001b[0m\n\u001b[1A\r\u001b[Jtrain  \u001b[0m\n');
  });
});

describe('reading pages', () => {
  const all = Array.from({ length: 25 }, (_, i) => i);
  const readPage = async ({ cursor, limit }: { cursor?: string; limit: number }) => {
    const start = Number(cursor ?? 0);
    const end = start + Math.min(limit, 10);
    return { items: all.slice(start, end), next: end < all.length ? String(end) : undefined };
  };

  it('goes on until there are enough or no more, and says which', async () => {
    assert.deepEqual(await readPages(100, readPage), { items: all, hasMore: false });
    assert.deepEqual(await readPages(12, readPage), { items: all.slice(0, 12), hasMore: true });
  });
});

describe('parameters of the command line', () => {
  it('are numbers and booleans where they look so, else text', () => {
    const texts = ['a=1', 'b=-0.5e3', 'c=true', 'd=007', 'e=', 'f=x=y', 'g=0x10', 'h=12345678901234567890', 'i= 1'];
    const expected = {
      a: 1,
      b: -500,
      c: true,
      d: '007',
      e: '',
      f: 'x=y',
      g: '0x10',
      h: '12345678901234567890',
      i: ' 1',
    };
    assert.deepEqual(parseParams(texts), expected);
  });

  it('need a name', () => {
    assert.throws(() => parseParams(['=1']), { code: 'usage' });
    assert.throws(() => parseParams(['lr']), { code: 'usage' });
  });
});

describe('the data folder', () => {
  it('is what --data says, then SLIPWAY_DATA, then that of the platform', () => {
    const env = { SLIPWAY_DATA: 'b', XDG_DATA_HOME: '/xdg' };
    assert.equal(dataFolder('a', env, '/cwd', 'linux', '/home/me'), '/cwd/a');
    assert.equal(dataFolder(undefined, env, '/cwd', 'linux', '/home/me'), '/cwd/b');
    assert.equal(dataFolder(undefined, { XDG_DATA_HOME: '/xdg' }, '/cwd', 'linux', '/home/me'), '/xdg/slipway');
    assert.equal(
      dataFolder(undefined, { XDG_DATA_HOME: 'xdg' }, '/cwd', 'linux', '/home/me'),
      '/home/me/.local/share/slipway',
    );
    assert.equal(
      dataFolder(undefined, {}, '/cwd', 'darwin', '/Users/me'),
      '/Users/me/Library/Application Support/slipway',
    );
  });
});

describe('why a run waits', () => {
  it('is one sentence with place, who is ahead, and the estimate with its basis', () => {
    const waiting = {
      reason: 'needs 2 GPUs, 1 is free.',
      position: 2,
      ahead: ['r1'],
      since: 0,
      estimatedStart: 60_000,
      basis: 'earlier runs',
    };
    const text = explanationOf({ id: 'r2', status: 'waiting', reason: '', waiting });
    assert.match(
      text,
      /^r2 has waited since .*: needs 2 GPUs, 1 is free, place 2 in the line, behind r1, until about .* \(by earlier runs\)\.$/,
    );
    assert.equal(
      explanationOf({ id: 'r2', status: 'failed', reason: 'boom', waiting: null }),
      'r2 does not wait: it is failed (boom).',
    );
  });
});
