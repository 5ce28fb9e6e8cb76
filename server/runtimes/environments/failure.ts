import { SlipwayError } from '../../protocol/errors.ts';

const maxReasonChars = 600;

/** What kind of failure a text of uv, pip or the system speaks of; the first that matches counts. */
const kinds = [
  {
    pattern: /no space left on device|disk quota exceeded|os error 28\b|os error 122\b|ENOSPC|EDQUOT/i,
    code: 'environment.diskFull',
    hint: 'Free some room on that disk (`uv cache clean` removes downloaded packages), then try again.',
    status: 507,
  },
  {
    pattern: /no solution found|requirements are unsatisfiable|was not found in the package registry/i,
    code: 'environment.unresolvable',
    hint: 'Change the versions in the requirements so that they fit together and exist for this Python.',
    status: 400,
  },
  {
    pattern: /couldn't parse requirement|error parsing|unexpected '|invalid (requirement|version)|not a valid/i,
    code: 'environment.invalidRequirements',
    hint: 'Correct the line in the requirements file.',
    status: 400,
  },
  {
    pattern: /401 Unauthorized|403 Forbidden|missing credentials|could not find credentials/i,
    code: 'environment.indexRefused',
    hint: 'The package index wants other credentials: set them where uv or pip reads them (netrc, keyring, UV_INDEX).',
    status: 502,
  },
  {
    pattern: /failed to build|build backend|failed building wheel/i,
    code: 'environment.packageBuildFailed',
    hint: 'The package has no ready-made wheel for this Python: choose another version, or install its compilers.',
    status: 400,
  },
  {
    pattern: /error sending request|failed to fetch|dns error|connection refused|timed out|request failed/i,
    code: 'environment.indexUnreachable',
    hint: 'Check the network, the proxy (HTTPS_PROXY) and the package index (UV_DEFAULT_INDEX), then try again.',
    status: 502,
  },
] as const;

/**
 * The error for a failed uv or pip: what was done to what, with the tool's own reason shortened to what a person needs.
 *
 * @param what begins the message: "The packages of requirements.txt cannot be installed together"
 * @param output what the tool wrote, both streams
 */
export function environmentFailure(what: string, output: string): SlipwayError {
  const kind = kinds.find(({ pattern }) => pattern.test(output));
  const message = `${what}: ${shortReason(output)}`;
  if (!kind) return new SlipwayError('environment.failed', message, 'The log has everything that uv wrote.', 500);
  return new SlipwayError(kind.code, message, kind.hint, kind.status);
}

/**
 * The reason inside uv's output, on one line. uv writes a chain of causes, before 0.10 as a tree
 * (`× … ╰─▶ …`), since then as `error: …` and `cause: …`; its first link says what failed, its last why.
 */
export function shortReason(output: string): string {
  const links: string[] = [];
  for (const line of plainText(output).split('\n')) {
    const start = /^\s*(?:×|╰─▶|├─▶|error:|cause:|caused by:)\s*(.*)$/i.exec(line);
    if (start) links.push(start[1]!.trim());
    else if (/^\s*(hint|help):/i.test(line)) break;
    else if (links.length > 0 && /^[\s│]+\S/.test(line)) links[links.length - 1] += ` ${line.replace(/^[\s│]+/, '')}`;
  }
  const told = links.filter((link) => !/^No solution found/i.test(link));
  const reason = (
    told.length > 0
      ? [...new Set([told[0], told.at(-1)])].join(': ')
      : plainText(output).trim().split('\n').slice(-3).join(' ')
  )
    .replace(/\s+/g, ' ')
    .trim();
  return reason.length > maxReasonChars ? `${reason.slice(0, maxReasonChars)}…` : reason || 'no reason was given';
}

/** The error of a build that its caller called off. */
export function cancelled(): SlipwayError {
  return new SlipwayError('environment.cancelled', 'The environment was not built: it was cancelled.', '', 409);
}

function plainText(output: string): string {
  // Terminal colours: ESC [ … m (ECMA-48, SGR).
  return output.replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}
