import assert from 'node:assert/strict';
import { environmentFailure, shortReason } from '../../../../server/runtimes/environments/failure.ts';

describe('the reason for a failed environment', () => {
  it('is the cause, without the words around it', () => {
    const output = [
      'error: No solution found when resolving dependencies',
      '  cause: Because only six<=1.17.0 is available and you require six>=99, we can conclude that your',
      '         requirements are unsatisfiable.',
      'hint: something else',
    ].join('\n');
    assert.equal(
      shortReason(output),
      'Because only six<=1.17.0 is available and you require six>=99, we can conclude that your requirements are unsatisfiable.',
    );
  });

  it('is what failed and the last of its causes', () => {
    const output = 'error: Failed to fetch: https://host/six/\n  cause: client error\n  cause: Connection refused\n';
    assert.equal(shortReason(output), 'Failed to fetch: https://host/six/: Connection refused');
  });

  it('is found in the tree that older versions of uv draw, in colours', () => {
    const esc = String.fromCharCode(27);
    const output = `  ${esc}[31m×${esc}[0m No solution found when resolving dependencies:\n  ╰─▶ Because a was not found in the\n      package registry, no.\n`;
    assert.equal(shortReason(output), 'Because a was not found in the package registry, no.');
  });

  it('is cut where it would be a page', () => {
    assert.ok(shortReason(`error: ${'long '.repeat(1000)}`).length < 700);
  });

  const cases: [string, string][] = [
    ['error: Failed to write to file\n  cause: No space left on device (os error 28)', 'environment.diskFull'],
    ['error: No solution found when resolving dependencies', 'environment.unresolvable'],
    ["error: Couldn't parse requirement in `-` at position 0", 'environment.invalidRequirements'],
    [
      'error: Failed to fetch: https://host/simple/six/\n  cause: HTTP status client error (401 Unauthorized)',
      'environment.indexRefused',
    ],
    [
      'error: Failed to build `lxml==5.0`\n  cause: The build backend returned an error',
      'environment.packageBuildFailed',
    ],
    ['error: Request failed after 3 retries\n  cause: error sending request for url', 'environment.indexUnreachable'],
    ['error: what nobody has seen yet', 'environment.failed'],
  ];
  for (const [output, code] of cases) {
    it(`is known as ${code}`, () => {
      const error = environmentFailure('It failed', output);
      assert.equal(error.code, code);
      assert.match(error.message, /^It failed: /);
      assert.notEqual(error.hint, '');
    });
  }
});
