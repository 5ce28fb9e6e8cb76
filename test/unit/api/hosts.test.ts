import assert from 'node:assert/strict';
import { ExternalOrigins, isOwnHost, isOwnOrigin, ownHosts } from '../../../server/api/hosts.ts';

describe('hosts', () => {
  it('of a loopback listener are its address and localhost, with its port', () => {
    assert.deepEqual([...ownHosts('127.0.0.1', 8080, []).listener], ['127.0.0.1:8080', 'localhost:8080']);
    assert.deepEqual([...ownHosts('::1', 8080, []).listener], ['[::1]:8080', 'localhost:8080']);
  });

  it('leave the port away only where it is the default', () => {
    assert.ok(isOwnHost(ownHosts('127.0.0.1', 80, []), '127.0.0.1'));
    assert.ok(!isOwnHost(ownHosts('127.0.0.1', 8080, []), '127.0.0.1'));
  });

  it('of a listener on every address are the loopback ones; others have to be allowed', () => {
    const hosts = ownHosts('0.0.0.0', 8080, ['Ten.Example']);
    assert.ok(isOwnHost(hosts, '127.0.0.1:8080'));
    assert.ok(!isOwnHost(hosts, '0.0.0.0:8080'));
    assert.ok(!isOwnHost(hosts, '10.0.0.1:8080'));
    assert.ok(isOwnHost(hosts, 'ten.example') && isOwnHost(hosts, 'ten.example:8080'));
    assert.ok(!isOwnHost(hosts, 'ten.example:81'));
  });

  it('that are allowed with a port are so with that port only', () => {
    const hosts = ownHosts('127.0.0.1', 8080, ['a.example:8443', ' ', '[fd00::1]:9000']);
    assert.deepEqual([...hosts.allowed], ['a.example:8443', '[fd00::1]:9000']);
  });
});

describe('origins', () => {
  const hosts = ownHosts('127.0.0.1', 8080, ['a.example', 'b.example:8443']);

  it('are ours by scheme, host and port', () => {
    assert.ok(isOwnOrigin(hosts, 'http://localhost:8080', '127.0.0.1:8080'));
    for (const foreign of [
      'https://localhost:8080',
      'http://localhost',
      'http://localhost:8081',
      'ws://localhost:8080',
      'null',
      '',
    ]) {
      assert.ok(!isOwnOrigin(hosts, foreign, '127.0.0.1:8080'), foreign);
    }
  });

  it('of an allowed host are ours for requests to that host only', () => {
    assert.ok(isOwnOrigin(hosts, 'https://a.example', 'a.example'));
    assert.ok(isOwnOrigin(hosts, 'https://b.example:8443', 'b.example:8443'));
    assert.ok(!isOwnOrigin(hosts, 'https://a.example', '127.0.0.1:8080'));
    assert.ok(!isOwnOrigin(hosts, 'https://a.example', 'b.example:8443'));
    assert.ok(!isOwnOrigin(hosts, 'https://a.example:444', 'a.example'));
  });

  it('from outside count exactly, hold cookies only where the URL had no path, and are bounded', () => {
    const external = new ExternalOrigins(() => new Set(['http://127.0.0.1:9000']));
    external.register('https://a.example/');
    external.register('https://b.example/proxy/8080/');
    external.register('http://127.0.0.1:9000/');
    assert.deepEqual(
      ['https://a.example', 'https://b.example', 'http://127.0.0.1:9000'].map((one) => external.has(one)),
      [true, true, false],
    );
    assert.ok(external.mayHoldCookie('https://a.example'));
    assert.ok(!external.mayHoldCookie('https://b.example'));
    external.register('https://b.example');
    assert.ok(!external.mayHoldCookie('https://b.example'), 'once shared, always shared');
    assert.ok(external.hasHost('a.example') && !external.hasHost('a.example:443'));
    for (let i = 0; i < 100; i++) external.register(`https://${i}.example`);
    assert.ok(!external.has('https://a.example'));
    assert.throws(() => external.register('javascript:alert(1)'), { code: 'origin.invalid' });
  });
});
