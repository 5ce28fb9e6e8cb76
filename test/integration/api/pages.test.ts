// Our own pages as files, and the OpenAPI document.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { operations } from '../../../server/protocol/operations.ts';
import { Place, until } from './place.ts';

describe('pages', () => {
  let place: Place;
  before(async () => {
    place = await new Place().start();
  });
  after(() => place.stop());

  it('are one document for every route, with a strict policy and no data', async () => {
    const routes = [
      '/',
      '/run/r1',
      '/sweep/s1',
      '/endpoint/digits',
      '/receipt/ab',
      '/receipts/digits/x',
      '/tensorboard/a,b',
    ];
    const answers = await Promise.all(routes.map((route) => place.ask({ path: route, isAnonymous: true })));
    for (const answer of answers) {
      assert.equal(answer.status, 200);
      assert.equal(answer.text, answers[0]!.text);
    }
    const { headers, text } = answers[0]!;
    assert.equal(
      headers['content-security-policy'],
      `default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; img-src 'self' data:; media-src data:; connect-src 'self' ws://${place.host} wss://${place.host}; ` +
        `frame-src ${place.api.foreignUrl}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    );
    assert.equal(headers['x-frame-options'], 'DENY');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.doesNotMatch(text, /<script>|style=|instance1|1\.2\.3/);
    for (const route of [
      '/nothing',
      '/run',
      '/index.html',
      '/run/%ff',
      '/..%2fmain.js',
      '/../main.js',
      '/server.json',
      '/token',
    ]) {
      assert.equal((await place.ask({ path: route })).status, 404, route);
    }
  });

  it('come anew only when they have changed', async () => {
    const first = await place.ask({ path: '/main.js', isAnonymous: true });
    assert.equal(first.headers['content-type'], 'text/javascript; charset=utf-8');
    const headers = { 'if-none-match': first.headers.etag! };
    const same = await place.ask({ path: '/main.js', isAnonymous: true, headers });
    assert.deepEqual([same.status, same.text], [304, '']);
    await writeFile(path.join(place.folder, 'main.js'), 'changed');
    await until(
      async () => (await place.ask({ path: '/main.js', isAnonymous: true, headers })).text === 'changed',
      'the change',
    );
    assert.deepEqual(
      await place.ask({ method: 'HEAD', path: '/main.css' }).then(({ status, text }) => [status, text]),
      [200, ''],
    );
  });
});

describe('OpenAPI document', () => {
  it('is complete: every operation once, every parameter declared, every reference answered', async () => {
    const place = await new Place().start();
    const answer = await place.ask({ path: '/api/v1/openapi.json' });
    await place.stop();
    const document = answer.json as unknown as {
      openapi: string;
      paths: Record<string, Record<string, Described>>;
      components: { schemas: object; responses: object };
    };
    assert.equal(document.openapi, '3.1.0');
    const described = Object.entries(document.paths).flatMap(([route, item]) =>
      Object.entries(item).map(([method, operation]) => ({ route, method, operation })),
    );
    assert.deepEqual(described.map(({ operation }) => operation.operationId).sort(), Object.keys(operations).sort());
    for (const { route, operation } of described) {
      const declared = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      assert.deepEqual(
        declared,
        [...route.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
        route,
      );
      assert.doesNotMatch(route, /:/);
    }
    const references = [...answer.text.matchAll(/"\$ref":"#\/components\/(schemas|responses)\/(\w+)"/g)];
    assert.ok(references.length > 50);
    assert.equal(references.length, [...answer.text.matchAll(/"\$ref"/g)].length);
    for (const [, kind, name] of references) {
      assert.ok(Object.hasOwn(document.components[kind as 'schemas'], name!), name);
    }
    const runs = document.paths['/api/v1/runs']!;
    const limit = runs['get']!.parameters.find(({ name }) => name === 'limit');
    assert.deepEqual([limit?.required, limit?.schema], [false, { type: 'integer', minimum: 1, maximum: 1000 }]);
    assert.ok(runs['post']!.responses['201']);
    assert.deepEqual(document.paths['/api/v1/session']!['post']!.security, []);
  });
});

interface Described {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  responses: Record<string, object>;
  security?: object[];
}
