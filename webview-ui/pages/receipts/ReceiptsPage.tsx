// The receipts of a project, newest first, or those of one subject in it; read page by page.
import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../../../server/protocol/operations.ts';
import { Icon } from '../../components/Icon.tsx';
import { EmptyState, ErrorNote, Fact, Loading, PageHead } from '../../components/layout.tsx';
import { Table } from '../../components/Table.tsx';
import { MiddleText, RelativeTime, RouteLink } from '../../components/text.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, m } from '../../i18n/index.ts';
import { useAction, useClient, useNavigate, usePageTitle } from '../../store/hooks.ts';

type Receipt = Answer<'listReceipts'>['items'][number];

const pageSize = 100;

export function ReceiptsPage({ project, subject }: { project: string; subject?: string }) {
  const client = useClient();
  const navigate = useNavigate();
  const { act, busy, error } = useAction();
  const [items, setItems] = useState<Receipt[]>();
  const [next, setNext] = useState<string>();
  usePageTitle({ page: 'receipts', project, subject }, `${m.receipts}: ${subject ?? project}`);

  const load = (cursor: string | undefined) =>
    act('load', async () => {
      const page = await client.call('listReceipts', { query: { project, subject, cursor, limit: pageSize } });
      setItems((before) => [...(cursor ? (before ?? []) : []), ...page.items]);
      setNext(page.next);
    });
  // loads the first page of what the route names
  useEffect(() => void load(undefined), [project, subject]);

  const openReceipt = (receipt: Receipt) => navigate({ page: 'receipt', id: receipt.id }, receipt.subject);
  return (
    <>
      <PageHead
        icon={<Icon name="receipt" />}
        title={subject ?? project}
        state={m.receipts}
        facts={
          subject && (
            <Fact label={m.project}>
              <RouteLink to={{ page: 'receipts', project }} title={project}>
                {project}
              </RouteLink>
            </Fact>
          )
        }
      />
      {error && <ErrorNote error={error} onRetry={() => load(next)} />}
      {!items && !error && <Loading />}
      {items?.length === 0 && <EmptyState title={m.noReceipts} />}
      {items && items.length > 0 && (
        <Table
          caption={m.receipts}
          rows={items}
          keyOf={(receipt) => receipt.id}
          onOpen={openReceipt}
          columns={[
            { id: 'seq', title: m.number, isNumber: true, cell: (receipt) => count(receipt.seq) },
            {
              id: 'subject',
              title: m.subject,
              cell: (receipt) => (
                <RouteLink to={{ page: 'receipt', id: receipt.id }} title={receipt.subject}>
                  <MiddleText text={receipt.subject} length={48} />
                </RouteLink>
              ),
            },
            { id: 'kind', title: m.kind, cell: (receipt) => m.receiptKind(receipt.kind) },
            {
              id: 'decision',
              title: m.decisionTitle,
              cell: (receipt) => <MiddleText text={receipt.decision} length={72} />,
            },
            {
              id: 'at',
              title: m.time,
              isNumber: true,
              cell: (receipt) => <RelativeTime at={new Date(receipt.at).getTime()} />,
            },
          ]}
        />
      )}
      {next && (
        <p class="actions">
          <Button disabled={busy !== undefined} onClick={() => load(next)}>
            {m.showMore}
          </Button>
        </p>
      )}
    </>
  );
}
