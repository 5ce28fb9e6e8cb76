import assert from 'node:assert/strict';
import { curlLine } from '../../../../webview-ui/pages/endpoint/curlLine.ts';

describe('the curl line', () => {
  it('takes the token from the environment and never shows one', () => {
    const line = curlLine({ url: 'http://127.0.0.1:8870/endpoints/digits/', access: 'private' });
    assert.match(line, /-H "Authorization: Bearer \$SLIPWAY_TOKEN"/);
    assert.match(line, / http:\/\/127\.0\.0\.1:8870\/endpoints\/digits\/predict$/);
  });

  it('asks for no token where the endpoint is open', () => {
    assert.doesNotMatch(curlLine({ url: 'http://h/e', access: 'open' }), /Authorization/);
  });

  it('quotes an address that a shell would read otherwise', () => {
    assert.match(curlLine({ url: "http://h/a'b&c", access: 'open' }), /'http:\/\/h\/a'\\''b&c\/predict'$/);
  });
});
