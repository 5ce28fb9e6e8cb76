/**
 * The way back from a thing to the bytes it was made of: each input of its receipt is the subject of an earlier one,
 * and so on, until what comes from outside. The receipts are looked up by whoever calls.
 */
import type { Lineage, LineageNode } from '../../protocol/lineage.ts';
import type { Statement } from './receipt.ts';

/** A receipt as it is looked up. */
export interface FoundReceipt {
  id: string;
  statement: Statement;
  /** Whether a later receipt says that its subject is gone. */
  isDeleted: boolean;
}

type Input = Statement['predicate']['inputs'][number];
/** The receipt that made an input of a receipt of `project`; undefined where none is known. */
export type FindMaker = (input: Input, project: string) => Promise<FoundReceipt | undefined>;

export interface Traced {
  nodes: LineageNode[];
  edges: Lineage['edges'];
  isComplete: boolean;
}

/** Things of one picture at most; a model with more is shown in part. */
const MAX_NODES = 200;

/**
 * Everything that the subject of a receipt was made from, itself first. An earlier version of the same dataset is what
 * it was compared with, not what it was made from, and is left out.
 */
export async function traceBack(start: FoundReceipt, find: FindMaker): Promise<Traced> {
  const nodes = new Map<string, LineageNode>();
  const edges: Lineage['edges'] = [];
  const queue = [start];
  nodes.set(nameOf(start), madeNode(start));
  let isComplete = true;
  for (let found = queue.shift(); found; found = queue.shift()) {
    const { predicate } = found.statement;
    for (const input of predicate.inputs) {
      if (isVersionBefore(nameOf(found), input.name)) continue;
      const isOutside = input.source === 'external';
      const maker = isOutside ? undefined : await find(input, predicate.project);
      const node = maker ? madeNode(maker) : outsideNode(input);
      if (!nodes.has(node.id)) {
        if (nodes.size >= MAX_NODES) {
          isComplete = false;
          continue;
        }
        nodes.set(node.id, node);
        if (maker) queue.push(maker);
      }
      const edge = { from: node.id, to: nameOf(found), name: input.name, receipt: found.id };
      // A run that takes two outputs of a stage is one line in a picture.
      if (!edges.some(({ from, to }) => from === edge.from && to === edge.to)) edges.push(edge);
    }
  }
  return { nodes: [...nodes.values()], edges, isComplete };
}

function nameOf({ statement }: FoundReceipt): string {
  return statement.subject[0]!.name;
}

function isVersionBefore(subject: string, input: string): boolean {
  const dataset = /^(dataset:.+)@v\d+$/;
  const name = dataset.exec(subject)?.[1];
  return name !== undefined && dataset.exec(input)?.[1] === name;
}

function madeNode(found: FoundReceipt): LineageNode {
  const { statement, id, isDeleted } = found;
  const { predicate, subject } = statement;
  const name = nameOf(found);
  return {
    id: name,
    kind: kindOf(name, predicate.kind),
    title: titleOf(found),
    detail: predicate.decision,
    receipt: id,
    at: Date.parse(predicate.at),
    digests: subject[0]!.digest,
    isDeleted,
  };
}

/** Runs and validations have ids, which say nothing to a person: the step and the decision do. */
function titleOf({ statement }: FoundReceipt): string {
  const { evidence, decision } = statement.predicate;
  const [word, name] = splitName(statement.subject[0]!.name);
  if (word === 'run' && typeof evidence['step'] === 'string') return evidence['step'];
  return word === 'validation' ? decision.split(':')[0]! : name;
}

function splitName(subject: string): [word: string, name: string] {
  const colon = subject.indexOf(':');
  return [subject.slice(0, colon), subject.slice(colon + 1)];
}

function outsideNode({ name, digest }: Input): LineageNode {
  // Code and environments carry no name of their own: the digest tells them apart.
  const mark = Object.values(digest).at(-1)?.slice(0, 12) ?? '';
  const id = name.includes(':') ? name : `${name}:${mark}`;
  const kind = name.startsWith('code') || name.startsWith('environment') ? 'code' : 'other';
  return { id, kind, title: name, detail: mark, receipt: null, at: null, digests: digest, isDeleted: false };
}

function kindOf(name: string, receiptKind: string): LineageNode['kind'] {
  if (receiptKind === 'stage.done') return 'stage';
  const [word] = splitName(name);
  const known = ['dataset', 'split', 'run', 'validation', 'model'] as const;
  return known.find((kind) => kind === word) ?? 'other';
}
