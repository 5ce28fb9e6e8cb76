/**
 * A line for a shell that calls an endpoint. The token is never written out: the shell takes it from its environment.
 */
export function curlLine(endpoint: { url: string; access: 'private' | 'keys' | 'open' }): string {
  const authorization = endpoint.access === 'open' ? '' : ' -H "Authorization: Bearer $SLIPWAY_TOKEN"';
  const url = endpoint.url.replace(/\/+$/, '');
  return `curl${authorization} -H 'Content-Type: application/json' -d '{"instances": []}' ${shellQuote(`${url}/predict`)}`;
}

function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
