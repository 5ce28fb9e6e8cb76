// Who serves: the split of the traffic, and the live numbers of each revision.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { EmptyState, Section } from '../../components/layout.tsx';
import { Meter } from '../../components/Meter.tsx';
import { Status, type Tone } from '../../components/Status.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { RouteLink } from '../../components/text.tsx';
import { count, m, milliseconds, percent } from '../../i18n/index.ts';
import { modelVersionRoute } from '../modelVersion/route.ts';

type Endpoint = EntityOf<'endpoints'>;
type Revision = Endpoint['revisions'][number];

const tones: Tone[] = ['busy', 'caution', 'good', 'quiet'];

export function Revisions({ endpoint }: { endpoint: Endpoint }) {
  const { revisions } = endpoint;
  if (revisions.length === 0) {
    return (
      <Section title={m.traffic}>
        <EmptyState title={m.noRevisions} />
      </Section>
    );
  }
  const serving = revisions.filter((revision) => revision.weight > 0);
  const columns: Column<Revision>[] = [
    {
      id: 'name',
      title: m.revision,
      cell: (revision) => (
        <RouteLink to={modelVersionRoute(revision.modelVersion)} title={revision.modelVersion}>
          {revision.name}
        </RouteLink>
      ),
    },
    {
      id: 'status',
      title: m.state,
      cell: (revision) => (
        <span title={revision.reason}>
          <Status status={revision.status} label={m.revisionStatus[revision.status]} />
        </span>
      ),
    },
    { id: 'weight', title: m.weight, isNumber: true, cell: (revision) => m.percentOf(count(revision.weight)) },
    {
      id: 'replicas',
      title: m.replicas,
      isNumber: true,
      cell: (row) => m.ofTotal(count(row.ready), count(row.replicas)),
    },
    { id: 'rate', title: m.rate, isNumber: true, cell: (row) => m.perSecond(rate(row.requestsPerSecond)) },
    { id: 'p50', title: m.p50, isNumber: true, cell: (row) => latency(row.p50Ms) },
    { id: 'p95', title: m.p95, isNumber: true, cell: (row) => latency(row.p95Ms) },
    { id: 'inFlight', title: m.inFlight, isNumber: true, cell: (row) => count(row.inFlight) },
    { id: 'requests', title: m.requestsColumn, isNumber: true, cell: (row) => count(row.requests) },
    {
      id: 'errors',
      title: m.errors,
      isNumber: true,
      cell: (row) =>
        row.errors === 0 ? count(0) : `${count(row.errors)} (${percent(row.errors / Math.max(row.requests, 1))})`,
    },
  ];
  const failed = revisions.filter((revision) => revision.status === 'failed' && revision.reason);
  return (
    <Section title={m.traffic}>
      <Meter
        label={m.traffic}
        total={100}
        parts={serving.map((revision, i) => ({
          id: revision.name,
          label: revision.name,
          amount: revision.weight,
          text: m.percentOf(count(revision.weight)),
          tone: tones[i % tones.length]!,
        }))}
      />
      <Table caption={m.revisions} columns={columns} rows={revisions} keyOf={(revision) => revision.name} />
      {failed.map((revision) => (
        <p key={revision.name} class="hint">
          <Status status="failed" label={revision.name} /> {revision.reason}
        </p>
      ))}
    </Section>
  );
}

function rate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : count(perSecond);
}

function latency(ms: number | null): string {
  return ms === null ? '–' : milliseconds(ms);
}
