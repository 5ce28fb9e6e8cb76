import assert from 'node:assert/strict';
import { uvVariables } from '../../../../server/runtimes/environments/settings.ts';

describe('the variables that uv is started with', () => {
  it("are the user's own: indexes, proxies, certificates", () => {
    const env = { UV_DEFAULT_INDEX: 'https://a', HTTPS_PROXY: 'http://p:1', SSL_CERT_FILE: '/ca.pem', PATH: '/bin' };
    const variables = uvVariables(env);
    for (const [name, value] of Object.entries(env)) assert.equal(variables[name], value);
  });

  it('do not lead uv to another environment and hold nothing of Slipway', () => {
    const variables = uvVariables({ VIRTUAL_ENV: '/v', PYTHONPATH: '/p', CONDA_PREFIX: '/c', SLIPWAY_TOKEN: 't' });
    for (const name of ['VIRTUAL_ENV', 'PYTHONPATH', 'CONDA_PREFIX', 'SLIPWAY_TOKEN'])
      assert.equal(variables[name], undefined);
  });

  it("hand on pip's index, its variables before its files, the install section before the global one", () => {
    const config =
      "global.index-url='https://global'\ninstall.index-url='https://install'\nglobal.find-links='\\n/a\\n/b'\n";
    assert.equal(uvVariables({}, config)['UV_INDEX_URL'], 'https://install');
    assert.equal(uvVariables({}, config)['UV_FIND_LINKS'], '/a,/b');
    assert.equal(uvVariables({ PIP_INDEX_URL: 'https://env' }, config)['UV_INDEX_URL'], 'https://env');
  });

  it('leave an index that was set for uv alone', () => {
    const variables = uvVariables({ UV_DEFAULT_INDEX: 'https://uv', PIP_INDEX_URL: 'https://pip' });
    assert.equal(variables['UV_INDEX_URL'], undefined);
  });
});
