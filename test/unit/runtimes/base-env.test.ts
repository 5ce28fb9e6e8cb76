import assert from 'node:assert/strict';
import { baseEnv } from '../../../server/runtimes/local/base-env.ts';

describe('the base environment of local workloads', () => {
  it('keeps what programs need and drops everything else', () => {
    const env = {
      PATH: '/bin',
      LC_TIME: 'ko_KR',
      https_proxy: 'http://p',
      AWS_SECRET_ACCESS_KEY: 'x',
      NODE_OPTIONS: '-r x',
    };
    assert.deepEqual(baseEnv(env), { PATH: '/bin', LC_TIME: 'ko_KR', https_proxy: 'http://p' });
  });
});
