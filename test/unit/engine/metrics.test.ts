import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseMetrics } from '../../../server/engine/collectRun.ts';
import { toFloat } from '../../../server/engine/floats.ts';

describe('reported metrics', () => {
  it('takes NaN and infinities as Python writes them, by name', () => {
    const text = '{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": -1e999, "f": 0.1}';
    const named = { a: 'NaN', b: 'Infinity', c: '-Infinity', d: 'Infinity', e: '-Infinity', f: 0.1 };
    assert.deepEqual(parseMetrics(text), named);
  });

  it('names nested numbers with slashes, counts true as 1, and leaves out what is no number', () => {
    const text =
      '{"test": {"accuracy": 0.9, "by": {"cat": 1}}, "ok": true, "note": "NaN is bad", "list": [1], "none": null}';
    assert.deepEqual(parseMetrics(text), { 'test/accuracy': 0.9, 'test/by/cat': 1, ok: 1 });
  });

  it('changes nothing inside strings and names, escaped quotes included', () => {
    assert.deepEqual(parseMetrics(String.raw`{"NaN \" Infinity": 1, "x": "-Infinity \" NaN"}`), {
      'NaN " Infinity': 1,
    });
  });

  it('finds none in a document that is no object', () => {
    for (const text of ['0.9', 'null', '"x"', '[1]', 'NaN']) assert.deepEqual(parseMetrics(text), {});
  });

  it('throws on what is not JSON', () => assert.throws(() => parseMetrics('{"a": '), SyntaxError));

  it('keeps every number, whatever its name', () => {
    const metrics = fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.double({ noDefaultInfinity: false }),
    );
    fc.assert(
      fc.property(metrics, (values) => {
        const entries = Object.entries(values);
        const python = (value: number) => (Number.isFinite(value) ? JSON.stringify(value) : String(value));
        const text = `{${entries.map(([name, value]) => `${JSON.stringify(name)}: ${python(value)}`).join(', ')}}`;
        // JSON has no negative zero.
        const expected = Object.fromEntries(entries.map(([name, value]) => [name, toFloat(value + 0)]));
        assert.deepEqual({ ...parseMetrics(text) }, expected);
      }),
    );
  });
});
