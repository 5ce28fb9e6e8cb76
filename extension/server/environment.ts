/** What of the editor's environment the control plane may see; secrets of the editor and its extensions stay behind. */
const allowed = [
  /^(PATH|HOME|LANG|LANGUAGE|LC_.+|TZ|TMPDIR|USER|LOGNAME|SHELL)$/,
  /^XDG_.+$/,
  /^(https?|no|all|ftp)_proxy$/i,
  /^(SSL_CERT_.+|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$/,
  /^(PIP|UV|SLIPWAY)_.+$/,
];

/** The environment of the control plane: the allow-listed part of `env`, run as Node where the executable is Electron. */
export function serverEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = { ELECTRON_RUN_AS_NODE: '1' };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && allowed.some((pattern) => pattern.test(name))) kept[name] = value;
  }
  return kept;
}
