/** The lineage of a model version, and the way from an answer of an endpoint to it, looked up in the stored receipts. */
import type { Statement } from '../domain/lineage/receipt.ts';
import { type FindMaker, type FoundReceipt, traceBack } from '../domain/lineage/trace.ts';
import { SlipwayError } from '../protocol/errors.ts';
import type { Lineage, TracedPrediction } from '../protocol/lineage.ts';
import { parseVersionRef } from '../protocol/names.ts';
import type { ReadTransaction, StoredReceipt } from '../store/index.ts';
import type { LiveFigures } from './live.ts';
import type { Monitors } from './monitors.ts';
import { listPage, requireEntity } from './query.ts';
import { statementOf } from './receipts.ts';

/** Receipts of one name that are looked through; aliases and rollouts have many. */
const MOST_OF_A_NAME = 200;

/** Where a model version comes from, and where it went. @throws SlipwayError `modelVersions.unknown`, `lineage.noReceipt` */
export async function lineageOf(read: ReadTransaction, model: string, version: number): Promise<Lineage> {
  const entity = await requireEntity(read, 'modelVersions', `${model}@v${version}`);
  const subject = `model:${entity.id}`;
  const start = await newestOf(read, entity.project, subject, (statement) => statement.predicate.kind !== 'deleted');
  if (!start) throw new SlipwayError('lineage.noReceipt', `${entity.id} has no receipt.`, 'Verify the receipts.', 409);
  const { nodes, edges, isComplete } = await traceBack(start, makerIn(read));
  const rollouts = await listPage(
    read,
    'rollouts',
    { limit: MOST_OF_A_NAME },
    {},
    (rollout) => rollout.model === model && rollout.to === `v${version}` && rollout.receipt !== undefined,
  );
  for (const { endpoint, receipt, status, reason, endedAt } of rollouts.items.toReversed()) {
    const id = `endpoint:${endpoint}`;
    const node = { id, kind: 'endpoint' as const, title: endpoint, detail: `${status}: ${reason}`, receipt: receipt! };
    const at = endedAt ?? null;
    const known = nodes.findIndex((one) => one.id === id);
    if (known >= 0) nodes.splice(known, 1);
    nodes.push({ ...node, at, digests: {}, isDeleted: (await read.entity('endpoints', endpoint)) === undefined });
    const edge = { from: subject, to: id, name: subject, receipt: receipt! };
    const before = edges.findIndex(({ to }) => to === id);
    if (before >= 0) edges.splice(before, 1);
    edges.push(edge);
  }
  return { subject, nodes, edges, moves: await movesOf(read, model, version), isComplete };
}

async function movesOf(read: ReadTransaction, model: string, version: number): Promise<Lineage['moves']> {
  const { aliases, project } = await requireEntity(read, 'models', model);
  const names = new Set(['production', 'staging', ...Object.keys(aliases)]);
  const moves: Lineage['moves'] = [];
  for (const alias of names) {
    const rows = await read.receipts({ project, subject: `alias:${model}/${alias}`, limit: MOST_OF_A_NAME });
    for (const row of rows) {
      const { predicate } = statementOf(row);
      const { from, to } = predicate.evidence as { from?: number | null; to?: number };
      if (predicate.kind !== 'alias.moved' || to === undefined || (from !== version && to !== version)) continue;
      const { actor, decision } = predicate;
      moves.push({ alias, from: from ?? null, to, at: Date.parse(predicate.at), actor, decision, receipt: row.id });
    }
  }
  return moves.sort((a, b) => b.at - a.at);
}

function makerIn(read: ReadTransaction): FindMaker {
  return async (input, project) => {
    const other = /^receipt:([0-9a-f]{64})$/.exec(input.source ?? '')?.[1];
    if (other !== undefined) {
      const [row] = await read.receipts({ id: other, limit: 1 });
      return row && found(read, row, input.name);
    }
    const hasDigest = (statement: Statement) =>
      statement.predicate.kind !== 'deleted' &&
      statement.subject.some(
        ({ name, digest }) =>
          name === input.name && Object.entries(input.digest).some(([kind, hex]) => digest[kind] === hex),
      );
    return newestOf(read, project, input.name, hasDigest);
  };
}

async function newestOf(
  read: ReadTransaction,
  project: string,
  subject: string,
  fits: (statement: Statement) => boolean,
): Promise<FoundReceipt | undefined> {
  const rows = await read.receipts({ project, subject, limit: MOST_OF_A_NAME });
  const row = rows.find((one) => fits(statementOf(one)));
  return row && found(read, row, subject);
}

async function found(read: ReadTransaction, row: StoredReceipt, subject: string): Promise<FoundReceipt> {
  const statement = statementOf(row);
  const main = statement.subject[0]!.name;
  const [newest] = await read.receipts({ project: row.project, subject: main, limit: 1 });
  const [newestOfPart] = main === subject ? [] : await read.receipts({ project: row.project, subject, limit: 1 });
  const isDeleted = [newest, newestOfPart].some((one) => one?.kind === 'deleted');
  return { id: row.id, statement, isDeleted };
}

/**
 * The model version that gave an answer.
 * @param id the answer's X-Request-Id or X-Slipway-Receipt
 * @throws SlipwayError `trace.unknown`
 */
export async function tracePrediction(
  read: ReadTransaction,
  monitors: Monitors,
  live: LiveFigures,
  id: string,
): Promise<TracedPrediction> {
  if (/^[0-9a-f]{64}$/.test(id)) {
    const [row] = await read.receipts({ id, limit: 1 });
    const statement = row && statementOf(row);
    const names = statement ? [...statement.subject, ...statement.predicate.inputs].map(({ name }) => name) : [];
    const ref = names.filter((name) => name.startsWith('model:')).map((name) => parseVersionRef(name.slice(6)))[0];
    if (ref?.version !== undefined) {
      const { name: model, version } = ref;
      return {
        id,
        foundBy: 'receipt',
        endpoint: null,
        model,
        version,
        at: null,
        receipt: await modelReceipt(read, model, version),
      };
    }
  }
  for (const { data } of await read.entities({ topic: 'endpoints', limit: 1000 })) {
    const { name: endpoint, model } = data as { name: string; model: string };
    const sampled = await monitors.sampled(endpoint, id);
    const failed = live.ofEndpoint(endpoint).recentErrors.find(({ requestId }) => requestId === id);
    const known = sampled ?? failed;
    const version = Number(/^v(\d+)$/.exec(known?.revision ?? '')?.[1]);
    if (!known || !Number.isInteger(version)) continue;
    const foundBy = sampled ? 'sample' : 'error';
    return { id, foundBy, endpoint, model, version, at: known.at, receipt: await modelReceipt(read, model, version) };
  }
  throw new SlipwayError(
    'trace.unknown',
    `No receipt, no sampled request and no recent error has the id ${JSON.stringify(id)}.`,
    'The answer’s X-Slipway-Receipt header always leads to its model version; request ids do where the request was sampled (monitor.sample) or failed lately.',
    404,
  );
}

async function modelReceipt(read: ReadTransaction, model: string, version: number): Promise<string | null> {
  const row = await read.entity('modelVersions', `${model}@v${version}`);
  return (row?.data as { receipt?: string } | undefined)?.receipt ?? null;
}
