import { createHash } from 'node:crypto';
import { SlipwayError } from '../../protocol/errors.ts';

/** What a step of slipway.yaml asks for. */
export interface EnvironmentSpec {
  /**
   * A version ("3.11", ">=3.10"), or the path of an existing virtual environment or interpreter (anything with a
   * slash, or beginning with `~`), which is then used as it is. Without it: the first Python that is found.
   */
  python?: string;
  /** The content of a requirements file. */
  requirements?: string;
  /** Further requirements, one a line of such a file. */
  packages?: string[];
}

/** What a requirements file asks for, split into what to install and where to look for it. */
export interface Requirements {
  /** One requirement a line, sorted and without comments: two files that ask for the same are equal. */
  requirements: string[];
  /** Index options (`--extra-index-url …`), in their order, which counts. */
  options: string[];
}

/** Whether `python` of a specification is a path rather than a version. */
export function isPath(python: string): boolean {
  return python.includes('/') || python.startsWith('~') || python.startsWith('.');
}

/**
 * Reads a requirements file (https://pip.pypa.io/en/stable/reference/requirements-file-format/).
 *
 * @throws SlipwayError `environment.localRequirement` for what lies outside the file (`-r`, `-c`, `-e`, local paths):
 * the environment is known by the digest of what it is made of, and those could change under it;
 * `environment.secretInRequirements` for a password in a URL, which would enter locks and receipts
 */
export function parseRequirements(spec: EnvironmentSpec): Requirements {
  const text = [spec.requirements ?? '', ...(spec.packages ?? [])].join('\n').replace(/\\\r?\n/g, ' ');
  const requirements: string[] = [];
  const options: string[] = [];
  for (const raw of text.split(/\r?\n/)) {
    const line = raw
      .replace(/(^|\s)#.*$/, '')
      .replace(/\s+/g, ' ')
      .trim();
    if (line === '') continue;
    refuseLocal(line);
    refuseSecret(line);
    // Hashes in the file would bind uv to it; the lock brings its own, for the versions that it names.
    if (line.startsWith('-')) options.push(line);
    else requirements.push(line.replace(/ --hash[= ]\S+/g, ''));
  }
  return { requirements: [...new Set(requirements)].sort(), options };
}

/** The hex SHA-256 over parts that cannot run into each other. */
export function digestOf(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function refuseLocal(line: string): void {
  const outside =
    /^(-r|--requirement|-c|--constraint|-e|--editable)\b/.test(line) ||
    /^(\.|\/|~)/.test(line) ||
    /(^|@ ?)file:/.test(line);
  if (!outside) return;
  throw new SlipwayError(
    'environment.localRequirement',
    `The requirements refer to something outside their file: "${line}".`,
    'Put the packages into the file itself, or name an environment that has them: `python: /path/to/venv`.',
  );
}

function refuseSecret(line: string): void {
  const password = /:\/\/[^/\s:@]*:([^/\s@]+)@/.exec(line)?.[1];
  if (password === undefined || /^\$\{\w+\}$/.test(password)) return;
  throw new SlipwayError(
    'environment.secretInRequirements',
    'A URL in the requirements holds a password.',
    `Write \${NAME} in its place and set that variable, or put it into netrc or the settings of uv.`,
  );
}
