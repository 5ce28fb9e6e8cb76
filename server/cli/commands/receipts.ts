import { createWriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type StoredSubject, type Verdict, verifyChains } from '../../domain/lineage/verify.ts';
import { type BytesProblem, verifyBytes } from '../../engine/verifyBytes.ts';
import { SlipwayError } from '../../protocol/errors.ts';
import type { Client } from '../client.ts';
import { command, type Target } from '../command.ts';
import { connect } from '../connect.ts';
import { followOperation } from '../followOperation.ts';
import { limitOption, moreText, readPages } from '../listing.ts';
import { facts, progressLine, table } from '../output.ts';
import { problemsText, VerifyResult } from '../problems.ts';
import { readDataFolder, readExport, readPublicKey } from '../receiptSources.ts';
import { note, print, type Shell, show } from '../shell.ts';
import { usageError } from '../usage.ts';

const list = command({
  name: 'receipts list',
  summary: 'List the receipts of a project, newest first; without one, the projects.',
  arguments: [{ name: 'PROJECT', optional: true, help: 'The project.' }],
  options: {
    subject: { type: 'string', value: 'NAME', help: 'Only receipts of this subject, for example model:digits@v2.' },
    limit: limitOption,
  },
  examples: ['slipway receipts list', 'slipway receipts list digits --subject dataset:digits@v3'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const client = await connect(target, shell);
    const { subject, limit } = options;
    const [project] = args;
    if (project === undefined) return listProjects(client, limit, shell);
    const readPage = (page: { cursor?: string; limit: number }) =>
      client.call('listReceipts', { query: { ...page, project, subject } });
    const { items, hasMore } = await readPages(limit, readPage);
    show(shell, { items }, () => {
      const rows = items.map((it) => [String(it.seq), it.kind, it.subject, it.at, it.id.slice(0, 12), it.decision]);
      const head = ['SEQ', 'KIND', 'SUBJECT', 'AT', 'ID', 'DECISION'];
      return table(shell, head, rows, `${project} has no receipts.`) + moreText(hasMore);
    });
    return 0;
  },
});

async function listProjects(client: Client, limit: number | undefined, shell: Shell): Promise<number> {
  const { items, hasMore } = await readPages(limit, (query) => client.call('listProjects', { query }));
  show(shell, { items }, () => {
    const rows = items.map((it) => [it.name, String(it.receipts), it.head ?? '–']);
    return table(shell, ['PROJECT', 'RECEIPTS', 'HEAD'], rows, 'No receipts yet.') + moreText(hasMore);
  });
  return 0;
}

const verify = command({
  name: 'receipts verify',
  summary: 'Check signatures, order, chain, that inputs lead back without a gap, and the bytes.',
  details: [
    'Without FILE it checks the data folder and every byte in its store, with the key there as the known one;',
    'no control plane needs to run. With FILE it checks what receipts export wrote; the bytes only with --data.',
    'Exit status: 0 all is well, 1 something is wrong, 3 consistent, but nobody said whose signature to expect.',
  ].join('\n'),
  arguments: [{ name: 'FILE', optional: true, help: 'What receipts export wrote.' }],
  options: {
    key: { type: 'string', value: 'PEM', help: 'The file with the public key that is expected to have signed.' },
    keyid: { type: 'string', value: 'HEX', help: 'The id of that key: the hex SHA-256 of its SPKI DER.' },
    project: { type: 'string', value: 'NAME', help: "Tell only this project's problems (not with FILE)." },
  },
  examples: [
    'slipway receipts verify',
    'slipway receipts verify receipts.jsonl --key receipts.pub.pem',
    'slipway receipts verify receipts.jsonl --keyid 3f9c… --json',
  ],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const [file] = args;
    const { key, keyid, project } = options;
    if (keyid !== undefined && !/^[0-9a-f]{64}$/.test(keyid)) {
      throw usageError('receipts verify: --keyid is not a key id', 'It is 64 lower-case hex digits.');
    }
    if (project !== undefined && file !== undefined)
      throw usageError('receipts verify: --project is not for a FILE', 'Leave it away.');
    if (file === undefined && target.server !== undefined) {
      if (key !== undefined || keyid !== undefined)
        throw usageError('receipts verify: --key and --keyid are not for --server', 'Verify an export.');
      return verifyRemotely(target, project, shell);
    }
    const expected = key === undefined ? undefined : await readPublicKey(resolve(shell.cwd, key));
    const folder = file === undefined ? await readDataFolder(target.data) : undefined;
    const source = folder ?? (await readExport(resolve(shell.cwd, file!)));
    const named = [expected?.keyid, keyid].filter((one) => one !== undefined);
    const known = named.length > 0 ? named : folder && [folder.known];
    const keys = expected ? [...source.keys, expected] : source.keys;
    const verdict = verifyChains({ envelopes: source.envelopes, keys, known });
    const isAsked = (one: { project: string }) =>
      project === undefined || one.project === '' || one.project === project;
    const subjects = verdict.stored.filter(isAsked);
    const bytes = folder || target.isDataGiven ? await verifyStoredBytes(target, subjects, shell) : undefined;
    const problems = [...verdict.problems, ...(folder?.lost ?? [])].filter(isAsked);
    return report({ ...verdict, problems }, bytes, shell);
  },
});

async function verifyRemotely(target: Target, project: string | undefined, shell: Shell): Promise<number> {
  const client = await connect(target, shell);
  const operation = await client.call('verifyReceipts', { body: { project } });
  const result = VerifyResult.parse(await followOperation(client, operation, shell));
  show(shell, result, () =>
    result.ok ? 'The receipts are consistent, and the bytes are what they say.' : problemsText(shell, result.problems),
  );
  return result.ok ? 0 : 1;
}

interface Bytes {
  problems: BytesProblem[];
  objects: number;
}

async function verifyStoredBytes(target: Target, subjects: readonly StoredSubject[], shell: Shell): Promise<Bytes> {
  const { FileStore } = await import('../../objects/fileStore.ts');
  const line = progressLine(shell);
  let shownAt = 0;
  const onProgress = (objects: number) => {
    if (Date.now() - shownAt < 100) return;
    shownAt = Date.now();
    line.update(`${objects} objects read`);
  };
  try {
    return await verifyBytes(new FileStore(join(target.data, 'objects')), subjects, {
      signal: shell.signal,
      onProgress,
    });
  } finally {
    line.clear();
  }
}

function report(verdict: Verdict, bytes: Bytes | undefined, shell: Shell): number {
  const problems = [...verdict.problems, ...(bytes?.problems ?? [])];
  const { count, heads, deleted, signer } = verdict;
  const ok = problems.length === 0;
  const result = { ok, problems, signer, heads, count, deleted, objects: bytes?.objects ?? null };
  show(shell, result, () => describe(shell, result));
  return !ok ? 1 : signer === 'unchecked' ? 3 : 0;
}

interface Result extends Pick<Verdict, 'ok' | 'signer' | 'heads' | 'count' | 'deleted'> {
  problems: BytesProblem[];
  objects: number | null;
}

function describe(shell: Shell, { ok, problems, signer, heads, count, deleted, objects }: Result): string {
  const lines = deleted.map(({ subject, by }) => `${subject}: deleted by ${by.project}/${by.seq}`);
  if (!ok) return [...lines, problemsText(shell, problems)].join('\n');
  const read = objects === null ? 'bytes not checked' : `${objects} objects read`;
  const signed = signer === 'known' ? 'signed by the known key' : 'consistent, signer not checked';
  const chains = Object.keys(heads).length;
  const counted = `${count} ${count === 1 ? 'receipt' : 'receipts'} in ${chains} ${chains === 1 ? 'chain' : 'chains'}`;
  return [
    ...lines,
    `${counted}: ${signed}, ${read}`,
    facts(Object.entries(heads).map(([name, head]) => [`head of ${name}`, head])),
  ]
    .filter(Boolean)
    .join('\n');
}

const exportReceipts = command({
  name: 'receipts export',
  summary: 'Write the keys and the envelopes as JSON lines, for receipts verify or any in-toto tool.',
  options: {
    project: {
      type: 'string',
      value: 'NAME',
      help: 'Only the chain of this project; what it took from others then cannot be followed.',
    },
    out: { type: 'string', short: 'o', value: 'FILE', help: 'Write to a file instead of stdout.' },
  },
  examples: ['slipway receipts export > receipts.jsonl', 'slipway receipts export --project digits -o digits.jsonl'],
  uses: 'controlPlane',
  async run({ options, target }, shell) {
    const client = await connect(target, shell);
    const source = Readable.from(await client.stream('exportReceipts', { query: { project: options.project } }));
    if (options.out === undefined) {
      await pipeline(source, shell.stdout, { end: false, signal: shell.signal });
      return 0;
    }
    const path = resolve(shell.cwd, options.out);
    await pipeline(source, createWriteStream(path), { signal: shell.signal }).catch((error: Error) => {
      throw error.name === 'AbortError'
        ? error
        : new SlipwayError('receipts.write', `${path} cannot be written: ${error.message}`, 'Choose another --out.');
    });
    if (shell.json) print(shell, JSON.stringify({ file: path }));
    else note(shell, `Receipts are in ${path}`);
    return 0;
  },
});

export const commands = [list, verify, exportReceipts];
