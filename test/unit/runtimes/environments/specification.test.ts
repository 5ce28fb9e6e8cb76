import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lockedPackages } from '../../../../server/runtimes/environments/lock.ts';
import { digestOf, isPath, parseRequirements } from '../../../../server/runtimes/environments/specification.ts';

describe('what an environment asks for', () => {
  it('is the same for two requirement files that differ in order, comments and blank lines', () => {
    const line = fc.stringMatching(/^[a-z]{1,8}([=><]=[0-9]\.[0-9])?$/);
    fc.assert(
      fc.property(fc.uniqueArray(line), fc.nat(), (lines, turn) => {
        const turned = [...lines.slice(turn % (lines.length || 1)), ...lines.slice(0, turn % (lines.length || 1))];
        const written = turned.map((each) => `  ${each}  # because\r\n`).join('\n# a comment\n');
        assert.deepEqual(parseRequirements({ requirements: written }), parseRequirements({ packages: lines }));
      }),
    );
  });

  it('keeps markers, extras, URLs with a fragment, and continued lines whole', () => {
    const requirements = 'torch[cuda]==2.8 \\\n  ; python_version >= "3.9"\npkg @ https://host/pkg.whl#sha256=ab\n';
    assert.deepEqual(parseRequirements({ requirements }).requirements, [
      'pkg @ https://host/pkg.whl#sha256=ab',
      'torch[cuda]==2.8 ; python_version >= "3.9"',
    ]);
  });

  it('keeps index options apart and in their order', () => {
    const requirements = 'six\n--extra-index-url https://b/simple\n-i https://a/simple\n';
    assert.deepEqual(parseRequirements({ requirements }), {
      requirements: ['six'],
      options: ['--extra-index-url https://b/simple', '-i https://a/simple'],
    });
  });

  for (const line of ['-r other.txt', '-c pins.txt', '-e .', './pkg', '/abs/pkg.whl', 'pkg @ file:///abs/pkg.whl']) {
    it(`refuses "${line}", which lies outside the file`, () => {
      assert.throws(() => parseRequirements({ requirements: line }), { code: 'environment.localRequirement' });
    });
  }

  it('refuses a password in a URL without repeating it, and takes a variable in its place', () => {
    assert.throws(
      () => parseRequirements({ requirements: '-i https://me:hunter2@host/simple' }),
      (error: Error & { code: string }) =>
        error.code === 'environment.secretInRequirements' && !error.message.includes('hunter2'),
    );
    const variable = `-i https://me:\${TOKEN}@host/simple`;
    assert.deepEqual(parseRequirements({ requirements: variable }).options, [variable]);
  });

  it('tells a path from a version', () => {
    for (const path of ['/opt/venv', '~/venv', './venv', 'envs/a', '.venv']) assert.equal(isPath(path), true, path);
    for (const version of ['3.11', '>=3.9', '3.13t', 'pypy@3.10']) assert.equal(isPath(version), false, version);
  });

  it('has a digest whose parts do not run into each other', () => {
    assert.notEqual(digestOf('ab', 'c'), digestOf('a', 'bc'));
    assert.notEqual(digestOf('a', ''), digestOf('a'));
  });
});

describe('a lock', () => {
  it('names each package with its version, or its URL', () => {
    const lock = [
      'numpy==2.4.6 \\',
      '    --hash=sha256:00',
      'uvicorn[standard]==0.30.1',
      'tool @ git+https://host/tool@0123abc',
      '    # via -r -',
    ].join('\n');
    assert.deepEqual(lockedPackages(lock), {
      numpy: '2.4.6',
      uvicorn: '0.30.1',
      tool: 'git+https://host/tool@0123abc',
    });
  });
});
