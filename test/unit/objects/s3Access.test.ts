import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readS3Access } from '../../../server/objects/s3Access.ts';
import { testFolder } from './testFolder.ts';

describe('access to S3', () => {
  const folder = testFolder();
  const read = (env: Record<string, string>) => readS3Access({ HOME: folder.path, ...env });

  it('comes from the variables before the files', () => {
    folder.write({ '.aws/credentials': '[default]\naws_access_key_id = file\naws_secret_access_key = of-file\n' });
    const access = read({
      ...{ AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' },
      ...{ AWS_ENDPOINT_URL: 'http://127.0.0.1:9000', AWS_DEFAULT_REGION: 'eu-north-1' },
    });
    assert.deepEqual(access, {
      ...{ endpoint: 'http://127.0.0.1:9000', region: 'eu-north-1', accessKeyId: 'id', secretAccessKey: 'secret' },
      sessionToken: 'token',
    });
  });

  it('comes from the profile that is named, with its endpoint and region', () => {
    folder.write({
      '.aws/credentials':
        '[default]\naws_access_key_id=d\naws_secret_access_key=d\n\n[team]\naws_access_key_id = t\naws_secret_access_key = s=ecret\n',
      '.aws/config': '[profile team]\nregion = us-west-2\nendpoint_url = https://minio.example\n',
    });
    const { endpoint, region, accessKeyId, secretAccessKey, sessionToken } = read({ AWS_PROFILE: 'team' });
    assert.deepEqual(
      [endpoint, region, accessKeyId, secretAccessKey, sessionToken],
      ['https://minio.example', 'us-west-2', 't', 's=ecret', null],
    );
    assert.equal(read({}).accessKeyId, 'd');
  });

  it('is refused with where to put it when there is none', () => {
    const message = (error: { hint?: string }) => error.hint?.includes(join(folder.path, '.aws/credentials'));
    assert.throws(
      () => read({}),
      (error: { code?: string; hint?: string }) => error.code === 'remote.credentials' && message(error)!,
    );
  });
});
