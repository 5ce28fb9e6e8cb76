import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createMask } from '../../../server/runtimes/local/mask.ts';

function masked(secrets: string[], pieces: (string | Uint8Array)[]): string {
  const mask = createMask(secrets);
  const parts = pieces.map((piece) => mask.write(Buffer.from(piece as string)));
  return Buffer.concat([...parts, mask.end()]).toString();
}

describe('the mask of secrets', () => {
  it('shows stars for each secret, however often it comes', () => {
    assert.equal(masked(['hunter2', 'tok'], ['a hunter2 b tok, hunter2hunter2\n']), 'a *** b ***, ******\n');
  });

  it('of two that begin alike takes the longer', () => {
    assert.equal(masked(['token', 'token-long'], ['token-long token token-lo']), '*** *** ***-lo');
  });

  it('takes the longer also where its end comes later', () => {
    assert.equal(masked(['abc', 'abcdef'], ['x abc', 'def y abc', ' z abc']), 'x *** y *** z ***');
  });

  it('finds a secret without the line break at its end, and the lines of one by themselves', () => {
    assert.equal(masked(['hunter2\n'], ['<hunter2>']), '<***>');
    assert.equal(masked(['begin\n  MIIEvQIBADAN\nend'], ['1: MIIEvQIBADAN\n2: end']), '1: ***\n2: end');
  });

  it('lets nothing wait that cannot be the beginning of a secret', () => {
    const mask = createMask(['hunter2']);
    assert.equal(mask.write(Buffer.from('epoch 1\n')).toString(), 'epoch 1\n');
    assert.equal(mask.write(Buffer.from('it is hunt')).toString(), 'it is ');
    assert.equal(mask.write(Buffer.from('ing\n')).toString(), 'hunting\n');
    assert.equal(mask.write(Buffer.from('hunter2')).toString(), '***', 'a whole one is no beginning');
    assert.equal(mask.write(Buffer.from('hun')).toString(), '');
    assert.equal(mask.end().toString(), 'hun');
  });

  it('finds a secret of several lines and of letters beyond ASCII', () => {
    assert.equal(masked(['-- key\n가나다\n--'], ['x -- key\n가나', '다\n-- y']), 'x *** y');
  });

  it('gives the same for any pieces as for the whole, with no secret left in it', () => {
    const letter = fc.constantFrom('a', 'b');
    const secrets = fc.array(fc.string({ unit: letter, minLength: 3, maxLength: 6 }), { minLength: 1, maxLength: 3 });
    const pieces = fc.array(fc.string({ unit: letter, maxLength: 12 }), { maxLength: 12 });
    fc.assert(
      fc.property(secrets, pieces, (values, parts) => {
        const whole = parts.join('');
        const shown = masked(values, parts);
        assert.equal(shown, masked(values, [whole]));
        assert.equal(shown, masked(values, [...whole]));
        for (const text of shown.split('***')) assert.ok(!values.some((value) => text.includes(value)), shown);
      }),
      { numRuns: 500 },
    );
  });
});
