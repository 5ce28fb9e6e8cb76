// Where a version went: moves of aliases to it and away, rollouts of it; who, when, and from what evidence.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import type { Lineage } from '../../../server/protocol/lineage.ts';
import { EmptyState, Section } from '../../components/layout.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Table } from '../../components/Table.tsx';
import { MiddleText, ReceiptLink, RelativeTime, RouteLink } from '../../components/text.tsx';
import { count, m, milliseconds, percent } from '../../i18n/index.ts';

type Rollout = EntityOf<'rollouts'>;

interface Entry {
  id: string;
  at: number;
  what: string;
  status: string;
  endpoint?: string;
  actor?: string;
  why: string;
  receipt?: string;
}

interface HistoryProps {
  version: EntityOf<'modelVersions'>;
  moves: Lineage['moves'];
  rollouts: Rollout[];
}

export function History({ version, moves, rollouts }: HistoryProps) {
  const own = version.version;
  const entries: Entry[] = [
    ...moves.map(
      ({ alias, to, at, actor, decision, receipt }): Entry => ({
        id: receipt,
        ...{ at, actor, receipt, why: decision },
        what: to === own ? m.serving.movedTo(alias) : m.serving.movedAway(alias, `v${to}`),
        status: to === own ? 'passed' : 'retired',
      }),
    ),
    ...rollouts.map(
      (rollout): Entry => ({
        id: rollout.id,
        at: rollout.endedAt ?? rollout.createdAt,
        what: `${m.serving.rolledOut(rollout.from ?? '–', rollout.to)} · ${m.rolloutStatus[rollout.status]}`,
        status: rollout.status,
        endpoint: rollout.endpoint,
        why: evidenceOf(rollout),
        receipt: rollout.receipt,
      }),
    ),
  ].sort((a, b) => b.at - a.at);
  return (
    <Section title={m.serving.history} note={count(entries.length)}>
      {entries.length === 0 ? (
        <EmptyState title={m.serving.noHistory} />
      ) : (
        <Table
          caption={m.serving.history}
          rows={entries}
          keyOf={(entry) => entry.id}
          columns={[
            { id: 'at', title: m.time, cell: (entry) => <RelativeTime at={entry.at} /> },
            {
              id: 'what',
              title: '',
              cell: (entry) => (
                <span class="status">
                  <StatusIcon status={entry.status} />
                  {entry.what}
                </span>
              ),
            },
            {
              id: 'endpoint',
              title: m.endpoint,
              cell: ({ endpoint }) =>
                endpoint && (
                  <RouteLink to={{ page: 'endpoint', name: endpoint }} title={endpoint}>
                    {endpoint}
                  </RouteLink>
                ),
            },
            {
              id: 'why',
              title: m.serving.thenWhat,
              isFilling: true,
              cell: ({ why }) => <span title={why}>{why}</span>,
            },
            { id: 'actor', title: m.actor, cell: ({ actor }) => actor && <MiddleText text={actor} length={14} /> },
            { id: 'receipt', title: '', cell: ({ receipt }) => receipt && <ReceiptLink id={receipt} /> },
          ]}
        />
      )}
    </Section>
  );
}

/** The numbers of the last step that was judged, else the reason in words. */
function evidenceOf({ steps, reason }: Rollout): string {
  const judged = steps.filter(({ status, requests }) => (status === 'passed' || status === 'failed') && requests);
  const last = judged.at(-1);
  if (!last) return reason;
  const numbers = [
    `${count(last.requests!)} ${m.requests}`,
    last.errorRate == null ? undefined : `${m.errorRate} ${percent(last.errorRate)}`,
    last.p95Ms == null ? undefined : `${m.p95} ${milliseconds(last.p95Ms)}`,
    last.stableP95Ms == null ? undefined : m.stableP95(milliseconds(last.stableP95Ms)),
  ];
  return `${reason} (${numbers.filter(Boolean).join(' · ')})`;
}
