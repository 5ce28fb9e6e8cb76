// The lineage as a picture: things as cards, lines between them, and on each line the receipt that proves it.
import { useMemo } from 'preact/hooks';
import type { Lineage, LineageNode } from '../../../server/protocol/lineage.ts';
import type { PageRoute } from '../../../server/protocol/pages.ts';
import { ChartCard } from '../../charts/ChartCard.tsx';
import { Icon } from '../../components/Icon.tsx';
import { RouteLink } from '../../components/text.tsx';
import { exact, m } from '../../i18n/index.ts';
import { layoutLineage, nodeHeight, nodeWidth, type PlacedEdge } from './lineageLayout.ts';
import { modelVersionRoute } from './route.ts';

export function LineagePicture({ lineage, title, project }: { lineage: Lineage; title: string; project: string }) {
  const layout = useMemo(() => layoutLineage(lineage), [lineage]);
  const byId = useMemo(() => new Map(lineage.nodes.map((node) => [node.id, node])), [lineage]);
  const nameOf = (id: string) => fullTitle(byId.get(id)!);
  const table = () => ({
    head: [m.serving.from, m.serving.to, m.time, m.receipt],
    rows: lineage.edges.map(({ from, to, receipt }) => {
      const at = byId.get(to)!.at;
      return [nameOf(from), nameOf(to), at === null ? undefined : exact(at), receipt];
    }),
  });
  return (
    <ChartCard title={title} height={layout.height} table={table} name="lineage">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
      <section class="lineage-scroll" tabIndex={0} aria-label={title}>
        <div class="lineage" style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            {layout.edges.map(({ edge, points }) => (
              <path key={`${edge.from} ${edge.to}`} d={curve(points)} />
            ))}
          </svg>
          {layout.nodes.map(({ node, x, y }) => (
            <div
              key={node.id}
              class={`lineage-node lineage-${node.kind}${node.id === lineage.subject ? ' lineage-own' : ''}`}
              style={{ left: `${x}px`, top: `${y}px`, width: `${nodeWidth}px`, height: `${nodeHeight}px` }}
              title={`${node.title}\n${node.detail}`}
            >
              <span class="quiet">
                {m.serving.kinds[node.kind]}
                {node.isDeleted && ` · ${m.receiptKind('deleted')}`}
              </span>
              <NodeTitle node={node} project={project} />
              <span class="quiet lineage-detail">{node.receipt === null ? m.serving.outside : node.detail}</span>
            </div>
          ))}
          {layout.edges.map(({ edge, mark: [x, y] }) => (
            <span key={`${edge.from} ${edge.to}`} class="lineage-mark" style={{ left: `${x}px`, top: `${y}px` }}>
              <RouteLink to={{ page: 'receipt', id: edge.receipt }} title={m.receipt}>
                <Icon name="receipt" />
                <span class="sr-only">{m.serving.made(nameOf(edge.to), nameOf(edge.from))}</span>
              </RouteLink>
            </span>
          ))}
        </div>
      </section>
    </ChartCard>
  );
}

function fullTitle({ kind, title }: LineageNode): string {
  return `${m.serving.kinds[kind]} ${title}`;
}

function NodeTitle({ node, project }: { node: LineageNode; project: string }) {
  const route = node.isDeleted ? receiptRoute(node) : routeOf(node, project);
  if (!route) return <strong>{node.title}</strong>;
  return (
    <RouteLink to={route} title={node.title}>
      {node.title}
    </RouteLink>
  );
}

function receiptRoute({ receipt }: LineageNode): PageRoute | undefined {
  return receipt === null ? undefined : { page: 'receipt', id: receipt };
}

function routeOf(node: LineageNode, project: string): PageRoute | undefined {
  const name = node.id.slice(node.id.indexOf(':') + 1);
  switch (node.kind) {
    case 'run':
    case 'stage':
      return { page: 'run', id: name };
    case 'endpoint':
      return { page: 'endpoint', name };
    case 'model':
      return modelVersionRoute(name);
    case 'dataset':
      return { page: 'receipts', project, subject: node.id };
    default:
      return receiptRoute(node);
  }
}

/** Straight through a lane, bent between columns. */
function curve(points: PlacedEdge['points']): string {
  const [[x, y], ...rest] = points as [[number, number], ...[number, number][]];
  let [path, fromX, fromY] = [`M${x} ${y}`, x, y];
  for (const [toX, toY] of rest) {
    const middle = (fromX + toX) / 2;
    path += ` C${middle} ${fromY} ${middle} ${toY} ${toX} ${toY}`;
    [fromX, fromY] = [toX, toY];
  }
  return path;
}
