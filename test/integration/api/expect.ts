import assert from 'node:assert/strict';
import type { Answer } from './place.ts';

/** An error in its wire form: status, code, a message and a hint, and nothing else. */
export function hasCode(answer: Answer, status: number, code: string): void {
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual(Object.keys(answer.json), ['code', 'message', 'hint']);
  assert.equal(answer.json['code'], code);
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
}
