// One receipt: what came to be, when, why, out of what, on which evidence, and its place in the chain.

import { Icon } from '../../components/Icon.tsx';
import { EmptyState, ErrorNote, Fact, Loading, PageHead, Section } from '../../components/layout.tsx';
import { Table } from '../../components/Table.tsx';
import { Digest, MiddleText, RelativeTime, RouteLink } from '../../components/text.tsx';
import { count, m, param } from '../../i18n/index.ts';
import { useClient, useLoaded, usePageTitle } from '../../store/hooks.ts';
import { evidenceRows, Statement } from './statement.ts';

export function ReceiptPage({ id }: { id: string }) {
  const client = useClient();
  const {
    value: statement,
    error,
    reload,
  } = useLoaded(async () => {
    const receipt = await client.call('getReceipt', { params: { id } });
    return Statement.parse(receipt.statement);
  }, [client, id]);
  const title = statement?.subject[0]?.name;
  usePageTitle({ page: 'receipt', id }, title && `${m.receipt}: ${title}`);
  if (error) return <ErrorNote error={error} onRetry={reload} />;
  if (!statement) return <Loading />;
  const { predicate, subject } = statement;
  const evidence = evidenceRows(predicate.evidence);
  return (
    <>
      <PageHead
        icon={<Icon name="receipt" />}
        title={title ?? id}
        state={m.receiptKind(predicate.kind)}
        facts={
          <>
            <Fact label={m.time}>
              <RelativeTime at={new Date(predicate.at).getTime()} />
            </Fact>
            <Fact label={m.actor}>
              <MiddleText text={predicate.actor} length={24} />
            </Fact>
            <Fact label={m.project}>
              <RouteLink to={{ page: 'receipts', project: predicate.project }} title={predicate.project}>
                {predicate.project}
              </RouteLink>
            </Fact>
            <Fact label={m.placeInChain}>
              <span class="number">{count(predicate.seq)}</span>
            </Fact>
          </>
        }
      />
      <Section title={m.decisionTitle}>
        <p>{decisionText(predicate.decision)}</p>
      </Section>
      <Section title={m.whatCameToBe}>
        <NamesAndDigests caption={m.whatCameToBe} rows={subject} project={predicate.project} />
      </Section>
      <Section title={m.inputs} note={count(predicate.inputs.length)}>
        {predicate.inputs.length === 0 ? (
          <EmptyState title={m.noInputs} />
        ) : (
          <NamesAndDigests caption={m.inputs} rows={predicate.inputs} project={predicate.project} />
        )}
      </Section>
      <Section title={m.evidence}>
        {evidence.length === 0 ? (
          <EmptyState title={m.noEvidence} />
        ) : (
          <Table
            caption={m.evidence}
            isCompact
            rows={evidence}
            keyOf={(row) => row.path}
            columns={[
              { id: 'path', title: m.name, cell: (row) => <code>{row.path}</code> },
              { id: 'value', title: m.valueColumn, cell: (row) => <EvidenceValue value={row.value} /> },
            ]}
          />
        )}
      </Section>
      <Section title={m.chain}>
        <p class="facts">
          <Digest name={m.thisReceipt} value={id} />
          {predicate.prev ? (
            <span class="digest">
              <RouteLink to={{ page: 'receipt', id: predicate.prev }} title={m.receipt}>
                {m.receiptBefore}
              </RouteLink>
              <Digest value={predicate.prev} />
            </span>
          ) : (
            <span class="quiet">{m.firstOfChain}</span>
          )}
        </p>
      </Section>
    </>
  );
}

interface NamesProps {
  caption: string;
  project: string;
  rows: { name: string; digest: Record<string, string>; source?: string }[];
}

function NamesAndDigests({ caption, rows, project }: NamesProps) {
  return (
    <Table
      caption={caption}
      isCompact
      rows={rows}
      keyOf={(row) => row.name}
      columns={[
        {
          id: 'name',
          title: m.name,
          cell: (row) =>
            row.source === 'external' ? (
              <>
                {row.name} <span class="quiet">{m.external}</span>
              </>
            ) : (
              <RouteLink to={{ page: 'receipts', project, subject: row.name }} title={row.name}>
                <MiddleText text={row.name} length={60} />
              </RouteLink>
            ),
        },
        {
          id: 'digest',
          title: m.digests,
          cell: (row) =>
            Object.entries(row.digest).map(([name, digest]) => <Digest key={name} name={name} value={digest} />),
        },
      ]}
    />
  );
}

function EvidenceValue({ value: given }: { value: string | number | boolean | null }) {
  if (typeof given === 'number') return <span class="number">{param(given)}</span>;
  if (typeof given === 'string' && /^[0-9a-f]{32,}$/.test(given)) return <Digest value={given} />;
  return <span>{String(given)}</span>;
}

function decisionText(decision: unknown): string {
  return typeof decision === 'string' ? decision : JSON.stringify(decision);
}
