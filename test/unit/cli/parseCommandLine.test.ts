import assert from 'node:assert/strict';
import fc from 'fast-check';
import { command } from '../../../server/cli/command.ts';
import { parseCommandLine, usageLine } from '../../../server/cli/parseCommandLine.ts';
import type { SlipwayError } from '../../../server/protocol/errors.ts';

const add = command({
  name: 'thing add',
  summary: 'Adds a thing.',
  arguments: [
    { name: 'PATH', help: 'Where.' },
    { name: 'LABEL', help: 'What.', optional: true },
  ],
  options: {
    name: { type: 'string', value: 'NAME', required: true, help: 'The name.' },
    kind: { type: 'string', value: 'KIND', choices: ['small', 'large'], help: 'The kind.' },
    count: { type: 'integer', value: 'N', help: 'How many.' },
    share: { type: 'number', value: 'SHARE', help: 'How much.' },
    tag: { type: 'string', value: 'TAG', multiple: true, help: 'A tag.' },
    force: { type: 'boolean', short: 'f', help: 'Anyway.' },
  },
  rest: { name: 'PROGRAM', optional: true, help: 'A program.' },
  examples: ['slipway thing add x --name y'],
  async run() {
    return 0;
  },
});

function refusal(...line: string[]): string {
  try {
    parseCommandLine(add, line);
  } catch (error) {
    const { code, message, hint } = error as SlipwayError;
    assert.equal(code, 'usage');
    return `${message} | ${hint}`;
  }
  return assert.fail('it was accepted');
}

describe('reading a command line', () => {
  it('reads arguments, options of every kind, and what stands after --', () => {
    const line = [
      'a',
      '--name',
      'x',
      '--count=3',
      '--share',
      '-0.5',
      '--tag',
      'p',
      '--tag',
      'q',
      '-f',
      'b',
      '--',
      'run',
      '--name',
      '-x',
    ];
    const { args, options, rest } = parseCommandLine(add, line);
    assert.deepEqual(args, ['a', 'b']);
    assert.deepEqual(rest, ['run', '--name', '-x']);
    assert.deepEqual(options, {
      name: 'x',
      count: 3,
      share: -0.5,
      tag: ['p', 'q'],
      force: true,
      json: false,
      help: false,
    });
  });

  it('names the option that an unknown one was meant to be', () => {
    assert.match(refusal('a', '--name', 'x', '--forse'), /unknown option --forse \| Did you mean --force\?/);
    assert.match(refusal('a', '--name', 'x', '-q'), /unknown option -q/);
  });

  it('refuses a missing value, also where the next option stands in its place', () => {
    assert.match(refusal('a', '--name'), /--name needs NAME/);
    assert.match(refusal('a', '--name', '--force'), /--name needs NAME/);
  });

  it('takes a value that begins with a hyphen after an equals sign', () => {
    assert.equal(parseCommandLine(add, ['a', '--name=-x']).options['name'], '-x');
  });

  it('refuses values that are not of their kind', () => {
    assert.match(refusal('a', '--name', 'x', '--count', '1.5'), /--count needs a whole number, not 1.5/);
    assert.match(refusal('a', '--name', 'x', '--share', 'much'), /--share needs a number, not "much"/);
    assert.match(refusal('a', '--name', 'x', '--kind', 'tiny'), /--kind is one of small, large, not tiny/);
    assert.match(refusal('a', '--name', 'x', '--force=yes'), /--force takes no value/);
  });

  it('refuses missing and superfluous arguments, and shows the usage', () => {
    assert.match(refusal('--name', 'x'), /PATH is missing \| Usage: slipway thing add PATH \[LABEL\] --name NAME/);
    assert.match(refusal('a'), /--name NAME is missing/);
    assert.match(refusal('a', 'b', 'c', '--name', 'x'), /unexpected argument c/);
  });

  it('asks for nothing when help is wanted', () => {
    assert.equal(parseCommandLine(add, ['--help']).options['help'], true);
  });

  it('takes any text as the value of a text option', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(parseCommandLine(add, ['a', `--name=${text}`]).options['name'], text);
      }),
    );
  });

  it('shows the usage in one line', () => {
    assert.equal(
      usageLine(add),
      'slipway thing add PATH [LABEL] --name NAME [--kind KIND] [--count N] [--share SHARE] [--tag TAG]… [--force] [-- PROGRAM]',
    );
  });
});
