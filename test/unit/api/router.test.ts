import assert from 'node:assert/strict';
import fc from 'fast-check';
import { findRoute, parseBy, parseQuery } from '../../../server/api/router.ts';
import {
  type OperationName,
  type OperationSpec,
  operations,
  operationUrl,
} from '../../../server/protocol/operations.ts';

const specs = Object.entries(operations) as [OperationName, OperationSpec][];

describe('router', () => {
  it('finds every operation by the URL that clients make of it', () => {
    for (const [name, spec] of specs) {
      const params: Record<string, string> = { name: 'digits', version: 'v3', id: 'r1:@a.b-c', trial: '7' };
      const route = findRoute(spec.method, operationUrl(name, params));
      assert.equal(route.name, name);
      for (const [key, value] of Object.entries(route.params)) assert.equal(value, params[key]);
    }
  });

  it('has no two operations that one request could mean, but for a literal against a parameter', () => {
    const shapes = specs.map(([, spec]) => `${spec.method} ${spec.path.replace(/:\w+/g, ':')}`);
    assert.equal(new Set(shapes).size, shapes.length);
  });

  it('answers any path by a route or by an error for people', () => {
    const segment = fc.oneof(
      fc.constantFrom('api', 'v1', 'runs', 'datasets', '..', '%2e', '%', '', '__proto__'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
        try {
          for (const value of Object.values(findRoute('GET', `/${segments.join('/')}`).params)) {
            assert.match(value, /^[A-Za-z0-9][A-Za-z0-9@._:-]*$/);
          }
        } catch (error) {
          assert.ok([400, 404, 405].includes((error as { status: number }).status));
        }
      }),
    );
  });

  it('reads a query without a key reaching a prototype', () => {
    const spec: OperationSpec = operations.listRuns;
    const query = parseQuery(spec, '__proto__=1&constructor=2&limit=3') as Record<string, unknown>;
    assert.deepEqual(query, { limit: 3 });
    assert.equal(Object.getPrototypeOf(query), Object.prototype);
  });

  it('names the field of what is wrong', () => {
    const body = operations.changeSweep.body;
    for (const [value, message] of [
      [{ action: 'extend', trials: -1 }, /^body\.trials: /],
      [{ action: 'pause', more: 1 }, /^body\.more: There is no such field\.$/],
      [{ action: 'fly' }, /^body\.action: /],
      [[], /^body: /],
    ] as const) {
      assert.throws(() => parseBy(body, value, 'body'), { code: 'request.invalid', status: 400, message });
    }
  });
});
