import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SlipwayError } from '../protocol/errors.ts';

/** How to reach an S3 service. Holds secrets: it is never logged, stored or shown. */
export interface S3Access {
  /** Null: Amazon's own. */
  endpoint: string | null;
  region: string | null;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | null;
}

/**
 * Endpoint and credentials by the standard AWS variables and files (docs.aws.amazon.com/sdkref, "Environment variables"
 * and "Shared config and credentials files"): variables before the profile's files.
 * @throws SlipwayError `remote.credentials` when there are none
 */
export function readS3Access(env: NodeJS.ProcessEnv): S3Access {
  const profile = env['AWS_PROFILE'] || 'default';
  const home = env['HOME'] || homedir();
  const credentialsFile = env['AWS_SHARED_CREDENTIALS_FILE'] || join(home, '.aws', 'credentials');
  const configFile = env['AWS_CONFIG_FILE'] || join(home, '.aws', 'config');
  const config = readProfile(configFile, profile === 'default' ? 'default' : `profile ${profile}`);
  const credentials = env['AWS_ACCESS_KEY_ID']
    ? {
        aws_access_key_id: env['AWS_ACCESS_KEY_ID'],
        aws_secret_access_key: env['AWS_SECRET_ACCESS_KEY'],
        aws_session_token: env['AWS_SESSION_TOKEN'],
      }
    : { ...config, ...readProfile(credentialsFile, profile) };
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = credentials;
  if (!accessKeyId || !secretAccessKey) {
    throw new SlipwayError(
      'remote.credentials',
      'There are no credentials for S3.',
      `Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them under [${profile}] in ${credentialsFile}.`,
      401,
    );
  }
  return {
    endpoint: env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || config['endpoint_url'] || null,
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || config['region'] || null,
    accessKeyId,
    secretAccessKey,
    sessionToken: credentials.aws_session_token || null,
  };
}

/** The settings of one section of an AWS file; none when there is no such file or section. */
function readProfile(file: string, section: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return {};
  }
  const settings: Record<string, string> = {};
  let isInside = false;
  for (const line of text.split('\n')) {
    const header = /^\s*\[\s*(.+?)\s*\]/.exec(line)?.[1];
    if (header !== undefined) isInside = header === section;
    const setting = /^(\w+)\s*=\s*(.*?)\s*$/.exec(line);
    if (isInside && setting) settings[setting[1]!] = setting[2]!;
  }
  return settings;
}
