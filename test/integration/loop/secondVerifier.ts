/**
 * A second implementation of `slipway receipts verify`, written from INTERFACE.md alone: nothing of server/ is used, so
 * that the format, and not one program, is what the tests hold on to.
 */
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Digest {
  md5?: string;
  sha256?: string;
}

interface Statement {
  _type: string;
  subject: { name: string; digest: Digest }[];
  predicateType: string;
  predicate: {
    project: string;
    seq: number;
    kind: string;
    inputs: { name: string; digest: Digest; source?: string }[];
    evidence: unknown;
    prev: string | null;
  };
}

interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { keyid: string; sig: string }[];
}

export interface Verdict {
  count: number;
  /** Hex SHA-256 of the last payload of each project. */
  heads: Record<string, string>;
  /** Each names the receipt, file or object. */
  problems: string[];
}

/**
 * @param text what `slipway receipts export` wrote
 * @param keyid the key that is known to be the control plane's
 * @param objects the store, where the bytes are to be checked as well
 */
export function verifyExport(text: string, keyid: string, objects?: string): Verdict {
  const [keysLine = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const problems: string[] = [];
  const { keys } = JSON.parse(keysLine) as { keys: { keyid: string; spki: string }[] };
  const key = keys.find((one) => one.keyid === keyid);
  if (!key || sha256(Buffer.from(key.spki, 'base64')) !== keyid)
    return { count: 0, heads: {}, problems: [`no key ${keyid}`] };
  const publicKey = createPublicKey({ key: Buffer.from(key.spki, 'base64'), format: 'der', type: 'spki' });

  const chains = new Map<string, { head: string | null; seq: number; digests: Set<string> }>();
  const ids = new Set<string>();
  const withBytes = new Map<string, Digest>();
  for (const [n, line] of lines.entries()) {
    const problem = (what: string) => problems.push(`receipt on line ${n + 2}: ${what}`);
    try {
      const payload = readEnvelope(JSON.parse(line) as Envelope, keyid, publicKey, problem);
      const statement = JSON.parse(payload.toString('utf8')) as Statement;
      const { project, seq, prev, inputs } = statement.predicate;
      checkForm(statement, problem);
      const chain = chains.get(project) ?? { head: null, seq: 0, digests: new Set<string>() };
      chains.set(project, chain);
      if (seq !== chain.seq + 1) problem(`it has number ${seq} after ${chain.seq} in ${project}`);
      if (prev !== chain.head) problem(`it does not follow the one before in ${project}`);
      for (const input of inputs) {
        const isKnown = Object.entries(input.digest).some((digest) => chain.digests.has(digest.join(':')));
        const other = /[0-9a-f]{64}$/.exec(input.source ?? '')?.[0] ?? '';
        if (!isKnown && input.source !== 'external' && !ids.has(other))
          problem(`its input ${input.name} leads nowhere`);
      }
      for (const { name, digest } of statement.subject) {
        for (const one of Object.entries(digest)) chain.digests.add(one.join(':'));
        if (digest.md5 !== undefined) withBytes.set(name, digest);
      }
      chain.head = sha256(payload);
      chain.seq = seq;
      ids.add(chain.head);
    } catch (error) {
      problem(`it cannot be read: ${(error as Error).message}`);
    }
  }
  if (objects !== undefined)
    for (const [name, digest] of withBytes) problems.push(...checkBytes(name, digest, objects));
  const heads = Object.fromEntries([...chains].map(([project, { head }]) => [project, head ?? '']));
  return { count: lines.length, heads, problems };
}

/** The payload of a DSSE envelope, signed over its pre-authentication encoding. */
function readEnvelope(envelope: Envelope, keyid: string, key: KeyObject, problem: (what: string) => void): Buffer {
  const { payloadType, signatures } = envelope;
  const payload = Buffer.from(envelope.payload, 'base64');
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  const signed = Buffer.concat([Buffer.from(head), payload]);
  const isSigned = signatures.some(
    (one) => one.keyid === keyid && verify(null, signed, key, Buffer.from(one.sig, 'base64')),
  );
  if (!isSigned) problem('the signature does not hold');
  if (payloadType !== 'application/vnd.in-toto+json') problem('it is of another type');
  // Base64 has spare bits: another letter may decode to the same bytes.
  if (payload.toString('base64') !== envelope.payload) problem('the payload is not plain Base64');
  for (const { sig } of signatures) {
    if (Buffer.from(sig, 'base64').toString('base64') !== sig) problem('the signature is not plain Base64');
  }
  return payload;
}

function checkForm(statement: Statement, problem: (what: string) => void): void {
  if (statement._type !== 'https://in-toto.io/Statement/v1') problem('it is no in-toto Statement v1');
  if (statement.predicateType !== 'https://slipway.dev/receipt/v1') problem('it is no receipt');
  const [first] = statement.subject;
  if (!first) problem('it has no subject');
  else if (first.digest.md5 === undefined) {
    const expected = sha256(Buffer.from(canonical(statement.predicate.evidence)));
    if (first.digest.sha256 !== expected) problem(`${first.name} does not have the digest of its evidence`);
  }
}

/** RFC 8785: ECMAScript's own numbers and strings, keys in the order of their UTF-16 code units. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`)
    .join(',')}}`;
}

/** A subject with bytes: a folder, by its `.dir` manifest and the listing of its files, or a single file. */
function checkBytes(name: string, { md5 = '', sha256: expected }: Digest, objects: string): string[] {
  const manifest = `${objectPath(objects, md5)}.dir`;
  if (!existsSync(manifest)) {
    const file = readObject(objects, md5);
    if (typeof file === 'string') return [`${name}: ${file}`];
    return sha256(file) === expected ? [] : [`${name}: another SHA-256 than the receipt says`];
  }
  const text = readFileSync(manifest);
  if (createHash('md5').update(text).digest('hex') !== md5)
    return [`${name}: the manifest ${md5}.dir is not what its name says`];
  const problems: string[] = [];
  const lines: { name: Buffer; line: string }[] = [];
  for (const { relpath, md5: digest } of JSON.parse(text.toString('utf8')) as { relpath: string; md5: string }[]) {
    const file = readObject(objects, digest);
    if (typeof file === 'string') problems.push(`${name}: ${relpath}: ${file}`);
    else lines.push({ name: Buffer.from(relpath), line: listingLine(sha256(file), relpath) });
  }
  if (problems.length > 0) return problems;
  // `LC_ALL=C sort -z`: byte by byte.
  const listing = lines.sort((a, b) => Buffer.compare(a.name, b.name)).map(({ line }) => line);
  const isSame = sha256(Buffer.from(listing.join(''))) === expected;
  return isSame ? [] : [`${name}: another SHA-256 than the receipt says`];
}

function readObject(objects: string, md5: string): Buffer | string {
  try {
    const bytes = readFileSync(objectPath(objects, md5));
    return createHash('md5').update(bytes).digest('hex') === md5
      ? bytes
      : `the object ${md5} is not what its name says`;
  } catch {
    return `the object ${md5} is missing`;
  }
}

function objectPath(objects: string, md5: string): string {
  return join(objects, 'files', 'md5', md5.slice(0, 2), md5.slice(2));
}

/** As GNU sha256sum writes it: a name with a backslash or a line break is escaped, and its line begins with a backslash. */
function listingLine(digest: string, relpath: string): string {
  const escaped = relpath.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
  return `${escaped === relpath ? '' : '\\'}${digest}  ./${escaped}\n`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
