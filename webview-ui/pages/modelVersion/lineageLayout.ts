/**
 * Places a lineage in columns, from what came first at the left to where it serves at the right (after Sugiyama,
 * Tagawa and Toda, IEEE Trans. SMC 11, 1981): every thing stands right before what was made from it, a line over
 * several columns gets a lane in each between, and the order in a column follows the neighbours. Pure.
 */
import type { Lineage, LineageNode } from '../../../server/protocol/lineage.ts';

export interface PlacedNode {
  node: LineageNode;
  x: number;
  y: number;
}

export interface PlacedEdge {
  edge: Lineage['edges'][number];
  /** Points that the line goes through, from the right side of one thing to the left side of the other. */
  points: [x: number, y: number][];
  /** Where its receipt stands. */
  mark: [x: number, y: number];
}

export interface LineageLayout {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

export const nodeWidth = 140;
export const nodeHeight = 60;
const columnGap = 44;
const rowGap = 14;
const laneHeight = 20;
const sweeps = 4;

/** A thing, or the lane of a line that passes a column. */
interface Slot {
  key: string;
  height: number;
  node?: LineageNode;
  /** Center, from the top. */
  y: number;
}

/** @param lineage its edges have no circle: what a receipt names is older than itself */
export function layoutLineage({ nodes, edges }: Pick<Lineage, 'nodes' | 'edges'>): LineageLayout {
  const column = columnsOf(nodes, edges);
  const last = Math.max(0, ...column.values());
  const slots = new Map<string, Slot>();
  const columns: Slot[][] = Array.from({ length: last + 1 }, () => []);
  const put = (at: number, slot: Slot) => {
    slots.set(slot.key, slot);
    columns[at]!.push(slot);
  };
  for (const node of nodes) put(column.get(node.id)!, { key: node.id, height: nodeHeight, node, y: 0 });
  const ways = edges.map((edge) => {
    const [from, to] = [column.get(edge.from)!, column.get(edge.to)!];
    const lanes = Array.from({ length: Math.max(0, to - from - 1) }, (_, i) => `${edge.from} ${edge.to} ${i}`);
    for (const [i, key] of lanes.entries()) put(from + 1 + i, { key, height: laneHeight, y: 0 });
    return { edge, keys: [edge.from, ...lanes, edge.to] };
  });
  order(columns, ways);
  const height = Math.max(...columns.map((one) => place(one)));
  for (const one of columns) {
    const room = (height - heightOf(one)) / 2;
    for (const slot of one) slot.y += room;
  }
  const left = (at: number) => at * (nodeWidth + columnGap);
  const placed = ways.map(({ edge, keys }): PlacedEdge => {
    const first = column.get(edge.from)!;
    const points: [number, number][] = [[left(first) + nodeWidth, slots.get(edge.from)!.y]];
    for (const [i, key] of keys.slice(1, -1).entries()) {
      const { y } = slots.get(key)!;
      points.push([left(first + 1 + i), y], [left(first + 1 + i) + nodeWidth, y]);
    }
    const end: [number, number] = [left(column.get(edge.to)!), slots.get(edge.to)!.y];
    const [x, y] = points.at(-1)!;
    points.push(end);
    return { edge, points, mark: [(x + end[0]) / 2, (y + end[1]) / 2] };
  });
  return {
    nodes: nodes.map((node) => ({ node, x: left(column.get(node.id)!), y: slots.get(node.id)!.y - nodeHeight / 2 })),
    edges: placed,
    width: left(last) + nodeWidth,
    height,
  };
}

/** Each thing one column before the first of what was made from it; what nothing was made from is last. */
function columnsOf(nodes: readonly LineageNode[], edges: Lineage['edges']): Map<string, number> {
  const following = new Map(nodes.map(({ id }) => [id, [] as string[]]));
  for (const { from, to } of edges) following.get(from)?.push(to);
  const steps = new Map<string, number>();
  const stepsOf = (id: string): number => {
    const known = steps.get(id);
    if (known !== undefined) return known;
    steps.set(id, 0);
    const made = Math.max(0, ...following.get(id)!.map((to) => stepsOf(to) + 1));
    steps.set(id, made);
    return made;
  };
  const most = Math.max(0, ...nodes.map(({ id }) => stepsOf(id)));
  return new Map(nodes.map(({ id }) => [id, most - steps.get(id)!]));
}

/** Orders the slots of each column by the middle of their neighbours, to the right and back, a few times. */
function order(columns: Slot[][], ways: { keys: string[] }[]): void {
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  const note = (map: Map<string, string[]>, key: string, other: string) => {
    const known = map.get(key);
    if (known) known.push(other);
    else map.set(key, [other]);
  };
  for (const { keys } of ways) {
    for (const [i, key] of keys.slice(1).entries()) {
      note(before, key, keys[i]!);
      note(after, keys[i]!, key);
    }
  }
  const rank = new Map<string, number>();
  const number = (column: Slot[]) => {
    for (const [i, { key }] of column.entries()) rank.set(key, (i + 0.5) / column.length);
  };
  columns.forEach(number);
  const sort = (column: Slot[], neighbours: Map<string, string[]>) => {
    const middle = ({ key }: Slot) => {
      const others = neighbours.get(key);
      return others ? others.reduce((sum, other) => sum + rank.get(other)!, 0) / others.length : rank.get(key)!;
    };
    const middles = new Map(column.map((slot) => [slot, middle(slot)]));
    column.sort((a, b) => middles.get(a)! - middles.get(b)!);
    number(column);
  };
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const column of columns.toReversed()) sort(column, after);
    for (const column of columns) sort(column, before);
  }
}

/** Stacks a column; returns its height. */
function place(column: Slot[]): number {
  let top = 0;
  for (const slot of column) {
    slot.y = top + slot.height / 2;
    top += slot.height + rowGap;
  }
  return heightOf(column);
}

function heightOf(column: Slot[]): number {
  return column.reduce((sum, { height }) => sum + height, 0) + rowGap * Math.max(0, column.length - 1);
}
