import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Client } from 'minio';
import { SlipwayError } from '../protocol/errors.ts';
import { forEachBounded } from './bounded.ts';
import type { Remote } from './remote.ts';
import { damaged, unreachable } from './remoteErrors.ts';
import { isTransient, withRetries } from './retries.ts';
import type { S3Access } from './s3Access.ts';

export interface S3RemoteOptions {
  address: string;
  bucket: string;
  prefix: string;
  /** Asked again when credentials have expired. */
  access: () => S3Access;
  /** From this size on an object goes up in parts of this size; S3 takes up to 5 GiB in one request, 10,000 parts. */
  partBytes?: number;
}

const PART_BYTES = 64 << 20;
const MAX_PARTS = 10_000;
const REQUEST_TIMEOUT_MS = 120_000;
const LOOK_UPS_AT_ONCE = 32;
const PARTS_AT_ONCE = 4;
/** Listing pays when it finds at least so many of the wanted objects a request; a look-up each finds one. */
const LISTED_A_REQUEST = 1000;

type Headers = Record<string, string>;

/**
 * A remote in S3. Requests are signed and sent by the `minio` client, by its general request: its `putObject` sends
 * neither `If-None-Match` nor a given `Content-MD5`. The digest of an object is its MD5, so the server itself refuses bytes
 * that are not what their name says.
 */
export class S3Remote implements Remote {
  readonly address: string;
  readonly #options: Required<S3RemoteOptions>;
  readonly #agent: http.Agent;
  #client: Client;
  #hasConditionalWrites = false;

  private constructor(options: S3RemoteOptions) {
    this.address = options.address;
    this.#options = { partBytes: PART_BYTES, ...options };
    const access = options.access();
    const isSecure = (access.endpoint ?? 'https:').startsWith('https:');
    this.#agent = new (isSecure ? https : http).Agent({ keepAlive: true, timeout: REQUEST_TIMEOUT_MS });
    this.#client = createClient(access, this.#agent);
  }

  /** @throws SlipwayError `remote.credentials`, `remote.noBucket`, `remote.unreachable` */
  static async open(options: S3RemoteOptions, signal?: AbortSignal): Promise<S3Remote> {
    const remote = new S3Remote(options);
    try {
      // Not by HEAD, whose answers have no body and so do not say what is wrong.
      await remote.retrying('look for the bucket', () => remote.#exists(''), signal);
      return remote;
    } catch (error) {
      remote.close();
      throw error;
    }
  }

  /** Finds out whether the service refuses to write over what is there; before the first upload. */
  async #probe(signal?: AbortSignal): Promise<void> {
    const key = this.#key(`slipway/probe-${randomUUID()}`);
    const put = () => this.#request('PUT', key, { headers: { 'if-none-match': '*' }, body: Buffer.from('probe') });
    try {
      await this.retrying('write', put, signal);
      this.#hasConditionalWrites = await put().then(
        () => false,
        (error: unknown) => codeOf(error) === 'PreconditionFailed',
      );
    } catch (error) {
      if (codeOf(error) !== 'NotImplemented' && codeOf(error) !== 'InvalidArgument') throw error;
    } finally {
      await this.#request('DELETE', key, { expected: [200, 204] }).catch(() => undefined);
    }
  }
  #probed: Promise<void> | null = null;

  async present(digests: readonly string[], signal?: AbortSignal): Promise<Set<string>> {
    const wanted = new Set(digests);
    const found = new Set<string>();
    const prefix = this.#key('files/md5/');
    let after = '';
    let requests = 0;
    // Keys come in order: what lies behind the last one listed, and only that, is looked up one by one.
    for (let isMore = true; isMore && requests <= Math.max(4, digests.length / LISTED_A_REQUEST); requests++) {
      const page = await this.retrying(
        'list',
        () => this.#client.listObjectsV2Query(this.#options.bucket, prefix, '', '', 1000, after),
        signal,
      );
      for (const { name } of page.objects) {
        const digest = name!.slice(prefix.length).replace('/', '');
        if (wanted.has(digest)) found.add(digest);
        after = name!;
      }
      isMore = page.isTruncated && page.objects.length > 0;
      if (!isMore) return found;
    }
    const rest = digests.filter((digest) => this.#objectKey(digest) > after);
    await forEachBounded(rest, LOOK_UPS_AT_ONCE, signal, async (digest) => {
      if (await this.retrying('look up', () => this.#exists(this.#objectKey(digest)), signal)) found.add(digest);
    });
    return found;
  }

  async upload(digest: string, path: string, bytes: number, signal?: AbortSignal): Promise<void> {
    this.#probed ??= this.#probe(signal);
    await this.#probed;
    if (bytes > this.#options.partBytes) return this.#uploadInParts(digest, path, bytes, signal);
    const body = await readFile(path);
    const md5 = digest.slice(0, 32);
    if (createHash('md5').update(body).digest('hex') !== md5) throw damaged(digest, path);
    const headers: Headers = { 'content-md5': Buffer.from(md5, 'hex').toString('base64') };
    if (this.#hasConditionalWrites) headers['if-none-match'] = '*';
    const put = () => this.#request('PUT', this.#objectKey(digest), { headers, body });
    await this.retrying(`store ${digest}`, () => put().catch(isThereAlready), signal);
  }

  /** Parts that an upload which was cut off has left are kept when their bytes are the same. */
  async #uploadInParts(digest: string, path: string, bytes: number, signal?: AbortSignal): Promise<void> {
    const { bucket } = this.#options;
    const key = this.#objectKey(digest);
    const partBytes = Math.max(this.#options.partBytes, Math.ceil(bytes / MAX_PARTS));
    const found = await this.retrying('look for parts', () => this.#client.findUploadId(bucket, key), signal);
    const begin = () => this.#client.initiateNewMultipartUpload(bucket, key, {});
    const uploadId = found ?? (await this.retrying('begin an upload', begin, signal));
    const sent = found ? await this.#partsSent(key, uploadId, signal) : new Map<number, string>();

    const whole = createHash('md5');
    const parts: { part: number; etag: string }[] = [];
    const waiting = new Set<Promise<void>>();
    let failure: unknown = null;
    let part = 0;
    for (let start = 0; start < bytes && failure === null; start += partBytes) {
      part++;
      const body = await readRange(path, start, Math.min(start + partBytes, bytes));
      whole.update(body);
      const md5 = createHash('md5').update(body).digest();
      const number = part;
      parts.push({ part: number, etag: md5.toString('hex') });
      if (sent.get(number) === md5.toString('hex')) continue;
      const query = `partNumber=${number}&uploadId=${encodeURIComponent(uploadId)}`;
      const headers = { 'content-md5': md5.toString('base64') };
      const sending = this.retrying(
        `store part ${number} of ${digest}`,
        () => this.#request('PUT', key, { headers, body, query }),
        signal,
      )
        .then(() => undefined)
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(() => waiting.delete(sending));
      waiting.add(sending);
      if (waiting.size >= PARTS_AT_ONCE) await Promise.race(waiting);
    }
    await Promise.all(waiting);
    if (failure !== null) throw failure;
    if (whole.digest('hex') !== digest.slice(0, 32)) {
      await this.#client.abortMultipartUpload(bucket, key, uploadId);
      throw damaged(digest, path);
    }
    const complete = () => this.#client.completeMultipartUpload(bucket, key, uploadId, parts);
    await this.retrying(
      `complete ${digest}`,
      async () => {
        // A completion whose answer was lost is found done.
        await complete().catch(async (error: unknown) => {
          if (codeOf(error) !== 'NoSuchUpload' || !(await this.#exists(key))) throw error;
        });
      },
      signal,
    );
  }

  async #partsSent(key: string, uploadId: string, signal?: AbortSignal): Promise<Map<number, string>> {
    const query = `uploadId=${encodeURIComponent(uploadId)}&max-parts=${MAX_PARTS}`;
    const xml = await this.retrying('list parts', async () => text(await this.#request('GET', key, { query })), signal);
    const parts = new Map<number, string>();
    for (const [, part] of xml.matchAll(/<Part>(.*?)<\/Part>/gs)) {
      const number = /<PartNumber>(\d+)</.exec(part!)?.[1];
      const etag = /<ETag>(?:"|&quot;|&#34;)?([0-9a-f]{32})/.exec(part!)?.[1];
      if (number && etag) parts.set(Number(number), etag);
    }
    return parts;
  }

  download(digest: string): Promise<Readable> {
    return this.#request('GET', this.#objectKey(digest)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      throw new SlipwayError(
        'object.missing',
        `The object ${digest} is not in ${this.address}.`,
        'Push the dataset again from where it is whole.',
        404,
        { cause: error },
      );
    });
  }

  async writeNote(name: string, content: string, signal?: AbortSignal): Promise<void> {
    const body = Buffer.from(content);
    await this.retrying(`write ${name}`, () => this.#request('PUT', this.#key(name), { body }), signal);
  }

  async readNote(name: string, signal?: AbortSignal): Promise<string | null> {
    const read = async () => text(await this.#request('GET', this.#key(name)));
    return this.retrying(
      `read ${name}`,
      () =>
        read().catch((error: unknown) => {
          if (isMissing(error)) return null;
          throw error;
        }),
      signal,
    );
  }

  async listNotes(prefix: string, signal?: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    const start = this.#key('');
    for (let after = ''; ; ) {
      const page = await this.retrying(
        'list',
        () => this.#client.listObjectsV2Query(this.#options.bucket, this.#key(prefix), '', '', 1000, after),
        signal,
      );
      for (const { name } of page.objects) names.push(name!.slice(start.length));
      if (!page.isTruncated || page.objects.length === 0) return names;
      after = page.objects.at(-1)!.name!;
    }
  }

  retrying<T>(what: string, work: () => Promise<T>, signal?: AbortSignal, patienceMs?: number): Promise<T> {
    let hasRenewed = false;
    const attempt = async () => {
      try {
        return await work();
      } catch (error) {
        if (!isExpired(error) || hasRenewed) throw error;
        hasRenewed = true;
        this.#client = createClient(this.#options.access(), this.#agent);
        return work();
      }
    };
    const explain = (error: unknown) => unreachable(this.address, what, error);
    return withRetries(attempt, { isTransient: isTransientS3, explain, signal, patienceMs }).catch((error: unknown) => {
      throw error instanceof SlipwayError ? error : (refusal(this.address, what, error) ?? error);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #exists(key: string): Promise<boolean> {
    const page = await this.#client.listObjectsV2Query(this.#options.bucket, key, '', '', 1, '');
    return page.objects[0]?.name === key;
  }

  async #request(
    method: string,
    key: string,
    {
      headers,
      body,
      query,
      expected = [200],
    }: { headers?: Headers; body?: Buffer; query?: string; expected?: number[] } = {},
  ): Promise<http.IncomingMessage> {
    const { bucket } = this.#options;
    const target = { method, bucketName: bucket, objectName: key, query, headers };
    const response = await this.#client.makeRequestAsync(target, body ?? '', expected);
    if (method !== 'GET') response.resume();
    return response;
  }

  #objectKey(digest: string): string {
    return this.#key(`files/md5/${digest.slice(0, 2)}/${digest.slice(2)}`);
  }

  #key(name: string): string {
    return this.#options.prefix === '' ? name : `${this.#options.prefix}/${name}`;
  }
}

function createClient(access: S3Access, transportAgent: http.Agent): Client {
  const url = new URL(access.endpoint ?? 'https://s3.amazonaws.com');
  const isSecure = url.protocol === 'https:';
  return new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    useSSL: isSecure,
    accessKey: access.accessKeyId,
    secretKey: access.secretAccessKey,
    ...(access.sessionToken !== null && { sessionToken: access.sessionToken }),
    region: access.region ?? 'us-east-1',
    transportAgent,
    // Its own retries print to the console and know nothing of broken connections.
    retryOptions: { disableRetry: true },
  });
}

async function readRange(path: string, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start, end: end - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function codeOf(error: unknown): string {
  return (error as { code?: unknown }).code?.toString() ?? '';
}

/** What another push has stored meanwhile has the same bytes, by its name. */
function isThereAlready(error: unknown): void {
  if (codeOf(error) !== 'PreconditionFailed') throw error;
}

function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(codeOf(error));
}

function isExpired(error: unknown): boolean {
  return ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidTokenId'].includes(codeOf(error));
}

function isTransientS3(error: unknown): boolean {
  const isBusy = /Retryable HTTP status/.test((error as Error).message ?? '');
  const codes = [
    'SlowDown',
    'ServiceUnavailable',
    'InternalError',
    'RequestTimeout',
    'XMinioServerNotInitialized',
    'BadDigest',
  ];
  return isBusy || isTransient(error) || codes.includes(codeOf(error));
}

/** What a person is told when the service says no. */
function refusal(address: string, what: string, error: unknown): SlipwayError | null {
  const code = codeOf(error);
  const message = (error as Error).message;
  const said = (why: string, name: string, hint: string, status: number) =>
    new SlipwayError(name, `${address}: ${why} (${what}: ${code}).`, hint, status, { cause: error });
  if (isExpired(error)) {
    return said(
      'the credentials have expired',
      'remote.credentials',
      'Renew them and try again: what is there is not sent again.',
      401,
    );
  }
  if (['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied', 'Forbidden', 'InvalidToken'].includes(code)) {
    return said(
      'the credentials were refused',
      'remote.credentials',
      'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and their rights.',
      403,
    );
  }
  if (code === 'NoSuchBucket' || (code === 'NotFound' && what === 'look for the bucket')) {
    return said('there is no such bucket', 'remote.noBucket', 'Create it, or check the name.', 404);
  }
  if (code === 'QuotaExceeded' || code === 'XMinioStorageFull' || code === 'EntityTooLarge') {
    return said(message, 'remote.noRoom', 'Make room there.', 507);
  }
  return code === '' ? null : said(message, 'remote.refused', 'See what the service says of it.', 502);
}
