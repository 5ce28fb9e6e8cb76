/**
 * The variables that uv is started with: the user's own, so that indexes, mirrors, proxies, certificates and compilers
 * are those of the user's terminal, without what would point uv at another environment, and with pip's index settings
 * handed on (uv does not read them: https://docs.astral.sh/uv/pip/compatibility/).
 *
 * @param pipConfig what `python -m pip config list` prints, where pip is there
 */
export function uvVariables(env: NodeJS.ProcessEnv, pipConfig = ''): NodeJS.ProcessEnv {
  const { VIRTUAL_ENV, CONDA_PREFIX, PYTHONHOME, PYTHONPATH, UV_SYSTEM_PYTHON, ...kept } = env;
  const own = Object.fromEntries(Object.entries(kept).filter(([name]) => !name.startsWith('SLIPWAY_')));
  return { ...pipSettings(env, pipConfig), ...own, NO_COLOR: '1', UV_NO_PROGRESS: '1' };
}

/** pip's index settings in uv's words; none where the user has told uv an index. */
function pipSettings(env: NodeJS.ProcessEnv, pipConfig: string): NodeJS.ProcessEnv {
  if (env['UV_DEFAULT_INDEX'] || env['UV_INDEX_URL'] || env['UV_INDEX']) return {};
  const set = parsePipConfig(pipConfig);
  const variables = {
    UV_INDEX_URL: env['PIP_INDEX_URL'] ?? set.get('index-url'),
    UV_EXTRA_INDEX_URL: env['PIP_EXTRA_INDEX_URL'] ?? set.get('extra-index-url'),
    // pip separates links by spaces, uv by commas.
    UV_FIND_LINKS: (env['PIP_FIND_LINKS'] ?? set.get('find-links'))?.trim().split(/\s+/).join(','),
    SSL_CERT_FILE: env['PIP_CERT'] ?? set.get('cert'),
  };
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value));
}

/** Settings of the sections that `pip install` reads; the more special section wins, as in pip. */
function parsePipConfig(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const section of ['global', 'install']) {
    for (const line of text.split('\n')) {
      const match = /^(global|install)\.([\w-]+)='(.*)'$/.exec(line.trim());
      // pip prints Python's repr: a value of several lines has them as \n.
      if (match?.[1] === section) settings.set(match[2]!, match[3]!.replace(/\\n/g, ' ').trim());
    }
  }
  return settings;
}
