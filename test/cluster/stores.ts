/** MinIO and PostgreSQL of the test cluster, beside its API server: pods reach them, nobody outside the namespaces does. */
import { appendFileSync, chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { controlPlane, folder, minio, podCidr, postgres } from './layout.ts';
import { execute, inside, startComponent, waitFor } from './processes.ts';

/** `nobody`: PostgreSQL refuses to run as root. */
const postgresUid = 65534;

/** Starts it, also again after it was ended: its data is kept. */
export async function startMinio(program: string): Promise<void> {
  const data = path.join(folder, 'minio');
  mkdirSync(data, { recursive: true });
  const env = { MINIO_ROOT_USER: minio.user, MINIO_ROOT_PASSWORD: minio.password, MINIO_BROWSER: 'off' };
  startComponent('minio', controlPlane, [program, 'server', data, '--address', minio.address], env);
  await waitFor('MinIO is not ready', 30_000, async () => {
    const answer = await fetch(`http://${minio.address}/minio/health/live`, { signal: AbortSignal.timeout(1000) });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
  });
}

/** @param bin the folder of PostgreSQL's programs */
export async function startPostgres(bin: string): Promise<void> {
  const data = path.join(folder, 'postgres');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  chownSync(data, postgresUid, postgresUid);
  const as = ['setpriv', `--reuid=${postgresUid}`, `--regid=${postgresUid}`, '--clear-groups'];
  const trust = ['--auth=trust', `--username=${postgres.user}`, '--no-sync'];
  await execute(inside(controlPlane, [...as, path.join(bin, 'initdb'), '-D', data, ...trust]));
  // The namespaces hold nobody but the cluster; the host is its only guest.
  appendFileSync(path.join(data, 'pg_hba.conf'), `host all all samenet trust\nhost all all ${podCidr} trust\n`);
  const settings = [
    `listen_addresses=${postgres.host}`,
    `port=${postgres.port}`,
    'unix_socket_directories=',
    'fsync=off',
  ];
  const args = ['-D', data, ...settings.flatMap((one) => ['-c', one])];
  startComponent('postgres', controlPlane, [path.join(bin, 'postgres'), ...args], {}, postgresUid);
  await waitFor('PostgreSQL is not ready', 30_000, () => {
    const user = ['--username', postgres.user, '--dbname', 'postgres'];
    return execute([path.join(bin, 'psql'), '--host', postgres.host, ...user, '--command', 'select 1']);
  });
}
