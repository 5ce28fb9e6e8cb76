import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { commandOf, shellQuote, unknownPlaceholders } from '../../../../server/domain/run/command.ts';

const nasty = [
  '',
  ' ',
  "it's",
  '"double"',
  '$HOME $(echo hi) `echo hi`',
  'a;b && c | d > e',
  '--lr=1',
  '*?[a]{b,c}~',
  '\\n\\',
  'new\nline\ttab',
  "'",
  "''''",
  '!history #comment',
  '한국어 🙂',
];

/** What a program sees as its arguments when /bin/sh carries the command out. */
function argumentsSeen(command: string[]): string[] {
  const out = execFileSync(command[0]!, command.slice(1), { encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

const show = String.raw`printf '%s\0'`;

describe('command of a run', () => {
  it('gives a program every parameter value unchanged through /bin/sh, by placeholder', () => {
    const params = Object.fromEntries(nasty.map((value, i) => [`p${i}`, value]));
    const run = `${show} ${Object.keys(params)
      .map((name) => `{${name}}`)
      .join(' ')}`;
    assert.deepEqual(argumentsSeen(commandOf(run, 'none', params)), nasty);
  });

  it('gives a program every parameter value unchanged through /bin/sh, as argparse options', () => {
    const params = Object.fromEntries(nasty.map((value, i) => [`p${i}`, value]));
    const seen = argumentsSeen(commandOf(show, 'argparse', params));
    assert.deepEqual(
      seen,
      nasty.flatMap((value, i) => [`--p${i}`, value]),
    );
  });

  it('gives any text back unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (raw) => {
        // What UTF-8 can carry, without NUL, which no argument can hold.
        const values = raw.map((value) => value.toWellFormed().replaceAll('\0', ''));
        assert.deepEqual(argumentsSeen(['/bin/sh', '-c', `${show} ${values.map(shellQuote).join(' ')}`]), values);
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a NUL byte, which no argument can hold', () => {
    assert.throws(() => shellQuote('a\0b'), { code: 'run.badArgument' });
  });

  it('replaces only {name} of a declared parameter, and not after $', () => {
    const [, , text] = commandOf(`a \${lr} {lr} {other} { lr } {} {"lr":1}`, 'none', { lr: 0.1 });
    assert.equal(text, `a \${lr} 0.1 {other} { lr } {} {"lr":1}`);
  });

  it('takes parameter names with dots, and replacement patterns as text', () => {
    assert.equal(commandOf('x {model.lr}', 'none', { 'model.lr': "$&$1$'" })[2], `x '$&$1$'\\'''`);
  });

  it('leaves placeholders alone where parameters go another way', () => {
    assert.equal(commandOf('x {lr}', 'argparse', { lr: 1 })[2], 'x {lr} --lr 1');
  });

  it('names undeclared identifiers in braces once, for a warning', () => {
    assert.deepEqual(unknownPlaceholders(`{lr} {LR} {LR} \${HOME} {1} { x }`, { lr: 1 }), ['LR']);
  });

  it('writes a true flag alone and a false one not at all', () => {
    assert.deepEqual(commandOf(['p'], 'argparse', { on: true, off: false }), ['p', '--on']);
  });

  it('writes Hydra overrides, quoted where the grammar needs it', () => {
    const params = { 'model.lr': 0.1, name: "it's a, b", path: '/a/b-c.d', flag: true };
    const expected = ['p', 'model.lr=0.1', String.raw`name='it\'s a, b'`, 'path=/a/b-c.d', 'flag=true'];
    assert.deepEqual(commandOf(['p'], 'hydra', params), expected);
  });

  it('runs a list as it is, without a shell', () => {
    assert.deepEqual(commandOf(['printf', '%s', '{lr} $HOME'], 'none', { lr: 1 }), ['printf', '%s', '{lr} $HOME']);
  });

  it('executes a notebook', () => {
    assert.match(
      commandOf('my notebook.ipynb', 'none', {})[2]!,
      /nbconvert --to notebook --execute 'my notebook\.ipynb'/,
    );
  });
});
