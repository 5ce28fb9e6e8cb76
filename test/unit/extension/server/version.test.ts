import assert from 'node:assert/strict';
import { compareVersions, judgeServer } from '../../../../extension/server/version.ts';

const protocol = { min: 1, max: 2 };

describe('version of the control plane', () => {
  it('orders versions as Semantic Versioning § 11 does', () => {
    const inOrder = [
      '0.9.10',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0',
    ];
    const shuffled = [...inOrder].reverse();
    assert.deepEqual(shuffled.sort(compareVersions), inOrder);
    assert.equal(compareVersions('1.2.3+build.1', '1.2.3'), 0);
  });

  it('uses an equal or newer server that speaks a common protocol', () => {
    const own = { version: '1.2.0', protocol };
    assert.equal(judgeServer({ version: '1.2.0', protocol }, own), 'use');
    assert.equal(judgeServer({ version: '1.3.0', protocol: { min: 2, max: 3 } }, own), 'use');
  });

  it('has an older server hand over', () => {
    assert.equal(judgeServer({ version: '1.1.9', protocol }, { version: '1.2.0', protocol }), 'handOver');
  });

  it('never replaces a newer server, even one it cannot talk to', () => {
    const server = { version: '2.0.0', protocol: { min: 3, max: 3 } };
    assert.equal(judgeServer(server, { version: '1.2.0', protocol }), 'clientTooOld');
  });
});
