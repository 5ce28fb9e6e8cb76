/** What outlives a pod, in the object store: its log in parts, each named by the offset it begins at. */
import { Client } from 'minio';
import * as z from 'zod';

export const storeSchema = z.object({
  /** Such as `http://minio:9000`. */
  endpoint: z.url(),
  region: z.string().optional(),
  accessKey: z.string(),
  secretKey: z.string(),
  sessionToken: z.string().optional(),
  bucket: z.string(),
  /** Keys begin with it; ends with a slash, or is empty. */
  prefix: z.string().default(''),
});
export type StoreSettings = z.infer<typeof storeSchema>;

export interface LogPart {
  offset: number;
  bytes: number;
  key: string;
}

export class Artifacts {
  readonly #client: Client;
  readonly #settings: StoreSettings;

  constructor(settings: StoreSettings) {
    const { protocol, hostname, port } = new URL(settings.endpoint);
    const useSSL = protocol === 'https:';
    const { region, accessKey, secretKey, sessionToken } = settings;
    this.#settings = settings;
    this.#client = new Client({
      endPoint: hostname,
      port: port ? Number(port) : useSSL ? 443 : 80,
      useSSL,
      accessKey,
      secretKey,
      pathStyle: true,
      ...(region === undefined ? {} : { region }),
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  /** Writing the same part twice is writing it once: its bytes follow from its offset. */
  async putLogPart(id: string, offset: number, bytes: Buffer): Promise<void> {
    await this.#client.putObject(this.#settings.bucket, `${this.#logPrefix(id)}${pad(offset)}`, bytes, bytes.length);
  }

  /** The parts of a workload's log, in order and without holes. */
  async logParts(id: string): Promise<LogPart[]> {
    const prefix = this.#logPrefix(id);
    const parts: LogPart[] = [];
    for await (const item of this.#client.listObjectsV2(this.#settings.bucket, prefix, true)) {
      const { name, size } = item as { name: string; size: number };
      parts.push({ key: name, offset: Number(name.slice(prefix.length)), bytes: size });
    }
    return parts.toSorted((a, b) => a.offset - b.offset);
  }

  async *readPart(part: LogPart, from: number): AsyncGenerator<Buffer> {
    const skip = Math.max(0, from - part.offset);
    if (skip >= part.bytes) return;
    yield* await this.#client.getPartialObject(this.#settings.bucket, part.key, skip);
  }

  #logPrefix(id: string): string {
    return `${this.#settings.prefix}workloads/${id}/log/`;
  }
}

/** Sixteen digits: keys in the order of offsets. */
function pad(offset: number): string {
  return String(offset).padStart(16, '0');
}
