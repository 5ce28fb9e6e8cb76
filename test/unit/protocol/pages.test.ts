import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type PageRoute, parseRoute, routePath } from '../../../server/protocol/pages.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1 }).map((value) => value.toWellFormed());
const route: fc.Arbitrary<PageRoute> = fc.oneof(
  fc.constant<PageRoute>({ page: 'home' }),
  fc.tuple(fc.constantFrom('run', 'sweep', 'receipt'), text).map(([page, id]): PageRoute => ({ page, id })),
  text.map((name): PageRoute => ({ page: 'endpoint', name })),
  fc
    .tuple(text, fc.integer({ min: 1, max: 999_999_999 }))
    .map(([name, version]): PageRoute => ({ page: 'modelVersion', name, version })),
  fc.tuple(text, text).map(([project, subject]): PageRoute => ({ page: 'receipts', project, subject })),
  text.map((project): PageRoute => ({ page: 'receipts', project })),
  fc.array(text, { minLength: 1 }).map((runs): PageRoute => ({ page: 'tensorboard', runs })),
  fc.array(text, { minLength: 1 }).map((runs): PageRoute => ({ page: 'compare', runs })),
  text.map((project): PageRoute => ({ page: 'compare', project })),
  text.map((sweep): PageRoute => ({ page: 'compare', sweep })),
  fc.constant<PageRoute>({ page: 'compare' }),
);

describe('page routes', () => {
  it('come back from their path as they were, whatever stands in ids and names', () => {
    fc.assert(fc.property(route, (one) => assert.deepEqual(parseRoute(routePath(one)), one)));
  });

  it('never throw on a path that somebody typed; what they do not know is the home page', () => {
    assert.deepEqual(parseRoute('nowhere/x'), { page: 'home' });
    assert.deepEqual(parseRoute('/run/'), { page: 'home' });
    fc.assert(fc.property(fc.string(), (path) => assert.ok(parseRoute(`run/${path}`).page)));
  });
});
