import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJsonBody } from '../../../server/api/body.ts';

const parse = (text: string) => parseJsonBody(Buffer.from(text), 'application/json');

describe('JSON body', () => {
  it('is what was sent', () => {
    const values = fc.jsonValue({ maxDepth: 8 }).filter((value) => !JSON.stringify(value).includes('__proto__'));
    fc.assert(
      fc.property(values, (value) => assert.deepEqual(parse(JSON.stringify(value)), JSON.parse(JSON.stringify(value)))),
    );
  });

  it('counts brackets as depth only outside of strings', () => {
    assert.equal((parse(`{"a":"${'['.repeat(1000)}\\"["}`) as { a: string }).a.length, 1002);
    assert.ok(parse(`${'['.repeat(64)}${']'.repeat(64)}`));
    assert.throws(() => parse(`${'['.repeat(65)}${']'.repeat(65)}`), { code: 'request.json' });
    assert.throws(() => parse(`{"a":"\\\\"${'['.repeat(500_000)}`), { code: 'request.json' });
  });

  it('is refused with a key __proto__ at any depth, however it is written', () => {
    for (const key of ['"__proto__"', '"\\u005f_proto__"']) {
      assert.throws(() => parse(`{"a":[{${key}:{"polluted":true}}]}`), { code: 'request.json' });
    }
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.ok(parse('{"a":"__proto__","constructor":1}'));
  });
});
