// Revisions that get copies of requests, and how their answers compare with those that clients got.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { Section } from '../../components/layout.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { count, m, percent } from '../../i18n/index.ts';

type Revision = EntityOf<'endpoints'>['revisions'][number];

export function ShadowSection({ revisions }: { revisions: Revision[] }) {
  const rows = revisions.flatMap(({ name, shadow }) => (shadow ? [{ name, ...shadow }] : []));
  if (rows.length === 0) return null;
  type Row = (typeof rows)[number];
  const amount = (id: 'same' | 'different' | 'failed', title: string): Column<Row> => ({
    ...{ id, title, isNumber: true },
    cell: (row) => `${count(row[id])} (${percent(row[id] / Math.max(row.same + row.different + row.failed, 1))})`,
  });
  return (
    <Section title={m.serving.shadow} note={m.serving.shadowNote}>
      <Table
        caption={m.serving.shadow}
        isCompact
        rows={rows}
        keyOf={(row) => row.name}
        columns={[
          { id: 'name', title: m.revision, cell: (row) => row.name },
          { id: 'sent', title: m.serving.copies, isNumber: true, cell: (row) => count(row.sent) },
          amount('same', m.serving.answered),
          amount('different', m.serving.different),
          amount('failed', m.serving.failedCopies),
          { id: 'dropped', title: m.serving.dropped, isNumber: true, cell: (row) => count(row.dropped) },
        ]}
      />
    </Section>
  );
}
