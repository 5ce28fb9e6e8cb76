// A real MinIO of a test's own, on a loopback port, that can be stopped and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'minio';

export interface Minio {
  /** Variables by which AWS tools, `dvc` and `slipway` find it. */
  env: Record<string, string>;
  /** The folder with its data; an object's bytes are in files below `BUCKET/KEY/`. */
  folder: string;
  client: Client;
  start(): Promise<void>;
  /** SIGKILL. */
  stop(): Promise<void>;
}

export const minioProgram = process.env['SLIPWAY_TEST_MINIO'];

/** Starts MinIO with the bucket `data`. */
export async function startMinio(folder: string): Promise<Minio> {
  const port = await freePort();
  const accessKey = 'slipway-test';
  const secretKey = 'secret-of-the-test';
  const client = new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey, region: 'us-east-1' });
  let server: ChildProcess | undefined;
  mkdirSync(folder, { recursive: true });
  const minio: Minio = {
    folder,
    client,
    env: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    async start() {
      const env = { ...process.env, MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_UPDATE: 'off' };
      server = spawn(minioProgram!, ['server', '--quiet', folder, '--address', `127.0.0.1:${port}`], {
        env,
        stdio: 'ignore',
      });
      const deadline = Date.now() + 60_000;
      while (!(await isReady(port))) {
        if (Date.now() > deadline || server.exitCode !== null) throw new Error('MinIO does not start');
        await delay(100);
      }
    },
    async stop() {
      if (!server || server.exitCode !== null || server.signalCode !== null) return;
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
  };
  await minio.start();
  await client.makeBucket('data');
  return minio;
}

/** The names of all objects below a prefix. */
export async function objectsIn({ client }: Minio, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of client.listObjectsV2('data', prefix, true)) names.push(name as string);
  return names.sort();
}

async function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/minio/health/cluster`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
