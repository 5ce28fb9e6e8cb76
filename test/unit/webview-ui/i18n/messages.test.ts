import assert from 'node:assert/strict';
import { en } from '../../../../webview-ui/i18n/en.ts';
import { bytes, m, setLocale } from '../../../../webview-ui/i18n/index.ts';
import { ko } from '../../../../webview-ui/i18n/ko.ts';

/** Every text with its path; functions are called with values that show where they stand. */
function textsOf(messages: object, path = ''): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, message] of Object.entries(messages)) {
    const at = `${path}${key}`;
    if (typeof message === 'string') texts.set(at, message);
    else if (typeof message === 'function') texts.set(at, message('«1»', '«2»'));
    else for (const [inner, text] of textsOf(message, `${at}.`)) texts.set(inner, text);
  }
  return texts;
}

describe('texts', () => {
  const english = textsOf(en);
  const korean = textsOf(ko);

  it('have the same keys in both languages, and none is empty', () => {
    assert.deepEqual([...korean.keys()].sort(), [...english.keys()].sort());
    for (const [key, text] of [...english, ...korean]) assert.notEqual(text.trim(), '', key);
  });

  it('carry the same values in both languages', () => {
    for (const [key, text] of english) {
      const valuesOf = (from: string) => [...new Set(from.match(/«\d»/g))].sort();
      assert.deepEqual(valuesOf(korean.get(key)!), valuesOf(text), key);
    }
  });

  it('are Korean wherever English has words', () => {
    const sameInBoth = /^(CPU|GPU|Python|TensorBoard|p50|p95|«\d»|[→≤%/·× ]|ms|\d)+$/;
    for (const [key, text] of korean) assert.ok(/[가-힣]/.test(text) || sameInBoth.test(text), `${key}: ${text}`);
  });

  it('follow the locale that the host tells', () => {
    setLocale('ko-KR');
    assert.equal(m.stop, ko.stop);
    setLocale('de-DE');
    assert.equal(m.stop, en.stop);
    assert.equal(bytes(1_500_000), '1,5 MB');
    setLocale('en');
  });
});
