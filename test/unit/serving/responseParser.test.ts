import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ResponseHead, ResponseParser } from '../../../server/serving/responseParser.ts';

interface Parsed {
  head: ResponseHead | null;
  body: string;
  isComplete: boolean;
}

function parse(pieces: readonly string[], method = 'GET', connectionEnds = false): Parsed {
  const parsed: Parsed = { head: null, body: '', isComplete: false };
  const parser = new ResponseParser({
    onHead: (head) => {
      parsed.head = head;
    },
    onData: (chunk) => {
      parsed.body += chunk.toString('latin1');
    },
    onEnd: () => {
      parsed.isComplete = true;
    },
  });
  parser.expect(method);
  for (const piece of pieces) parser.push(Buffer.from(piece, 'latin1'));
  if (connectionEnds) parser.finish();
  return parsed;
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('response parser', () => {
  it('reads chunked, fixed and empty bodies alike however they are cut into pieces', () => {
    const answers = [
      `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer-Field: x\r\n\r\n`,
      `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 11\r\n\r\nhello world`,
    ];
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.array(fc.nat(120), { maxLength: 12 }), (answer, cuts) => {
        const places = [0, ...cuts.filter((cut) => cut < answer.length).sort((a, b) => a - b), answer.length];
        const pieces = places.slice(1).map((end, index) => answer.slice(places[index], end));
        const { head, body, isComplete } = parse(pieces);
        assert.equal(head?.status, 200);
        assert.equal(body, 'hello world');
        assert.ok(isComplete);
      }),
    );
  });

  it('ends an answer without a length with its connection, and never one that has a length', () => {
    assert.deepEqual(parse([`${OK}\r\n`, 'abc'], 'GET', true).body, 'abc');
    assert.ok(parse([`${OK}\r\n`, 'abc'], 'GET', true).isComplete);
    assert.ok(!parse([`${OK}Content-Length: 4\r\n\r\nabc`], 'GET', true).isComplete);
    assert.ok(!parse([`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`], 'GET', true).isComplete);
  });

  it('expects no body after HEAD, 204 and 304', () => {
    assert.ok(parse([`${OK}Content-Length: 10\r\n\r\n`], 'HEAD').isComplete);
    assert.ok(parse(['HTTP/1.1 204 No Content\r\n\r\n']).isComplete);
    assert.ok(parse(['HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n']).isComplete);
  });

  it('passes fields on as they came, without those of the connection', () => {
    const { head } = parse([
      `${OK}X-One: a, b\r\nSet-Cookie: x=1\r\nset-cookie: y=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n\r\n`,
    ]);
    assert.deepEqual(head?.fields, ['X-One', 'a, b', 'Set-Cookie', 'x=1', 'set-cookie', 'y=2', 'Content-Length', '0']);
    assert.ok(head?.closes);
  });

  it('refuses bytes that break the protocol or follow an answer', () => {
    const broken = [
      'HTTP/2 200 OK\r\n\r\n',
      `${OK}no colon\r\n\r\n`,
      `${OK}Bad Name: x\r\n\r\n`,
      `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\na`,
      `${OK}Content-Length: -1\r\n\r\n`,
      `${OK}Transfer-Encoding: gzip\r\n\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`,
      `${OK}Content-Length: 1\r\n\r\nab`,
      `${OK}X: ${'a'.repeat(70_000)}`,
    ];
    for (const answer of broken)
      assert.throws(() => parse([answer]), { code: 'gateway.badAnswer' }, answer.slice(0, 60));
  });

  it('trusts the chunks and not the length where an answer has both, and not the connection afterwards', () => {
    const { head, body } = parse([`${OK}Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`]);
    assert.equal(body, 'ok');
    assert.ok(head?.closes);
    assert.deepEqual(head?.fields, []);
  });
});
