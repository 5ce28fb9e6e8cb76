import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { LineageNode } from '../../../../server/protocol/lineage.ts';
import { layoutLineage, nodeHeight, nodeWidth } from '../../../../webview-ui/pages/modelVersion/lineageLayout.ts';

const node = (id: string): LineageNode => ({
  ...{ id, kind: 'other', title: id, detail: '', receipt: null, at: null, digests: {}, isDeleted: false },
});
const edge = (from: string, to: string) => ({ from, to, name: '', receipt: `${from}>${to}` });

/** Graphs without circles: every line goes from a lower number to a higher. */
const graph = fc.integer({ min: 1, max: 14 }).chain((size) =>
  fc.record({
    nodes: fc.constant(Array.from({ length: size }, (_, i) => node(String(i)))),
    edges: fc
      .uniqueArray(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 30, selector: String })
      .map((pairs) => pairs.filter(([a, b]) => a < b).map(([a, b]) => edge(String(a), String(b)))),
  }),
);

describe('the picture of a lineage', () => {
  it('puts each thing left of what was made from it, no two on one place, all inside', () => {
    fc.assert(
      fc.property(graph, (lineage) => {
        const { nodes, edges, width, height } = layoutLineage(lineage);
        const place = new Map(nodes.map((one) => [one.node.id, one]));
        for (const { edge: one, points } of edges) {
          assert.ok(place.get(one.from)!.x + nodeWidth < place.get(one.to)!.x);
          assert.deepEqual(points[0], [place.get(one.from)!.x + nodeWidth, place.get(one.from)!.y + nodeHeight / 2]);
          assert.deepEqual(points.at(-1), [place.get(one.to)!.x, place.get(one.to)!.y + nodeHeight / 2]);
        }
        for (const a of nodes) {
          assert.ok(a.x >= 0 && a.y >= -1e-6 && a.x + nodeWidth <= width + 1e-6 && a.y + nodeHeight <= height + 1e-6);
          for (const b of nodes) if (a !== b && a.x === b.x) assert.ok(Math.abs(a.y - b.y) >= nodeHeight);
        }
      }),
    );
  });

  it('leads a line around what stands between its ends', () => {
    const lineage = {
      nodes: ['data', 'split', 'run'].map(node),
      edges: [edge('data', 'split'), edge('split', 'run'), edge('data', 'run')],
    };
    const { nodes, edges } = layoutLineage(lineage);
    const split = nodes.find((one) => one.node.id === 'split')!;
    const long = edges.find(({ edge: { receipt } }) => receipt === 'data>run')!;
    const passing = long.points.filter(([x]) => x >= split.x && x <= split.x + nodeWidth);
    assert.equal(passing.length, 2);
    for (const [, y] of passing) assert.ok(y < split.y || y > split.y + nodeHeight);
  });
});
