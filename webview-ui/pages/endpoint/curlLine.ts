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

/** A line for a shell that sends the true labels of a request back to the control plane. */
export function feedbackLine(endpoint: string): string {
  const url = `/api/v1/endpoints/${encodeURIComponent(endpoint)}/feedback`;
  return `curl -H "Authorization: Bearer $SLIPWAY_TOKEN" -H 'Content-Type: application/json' -d '{"requestId": "…", "label": ["…"]}' "$SLIPWAY_SERVER${url}"`;
}
