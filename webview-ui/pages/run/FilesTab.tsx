import type { Run } from '../../../server/protocol/entities.ts';
import { EmptyState, ErrorNote, Loading, Section } from '../../components/layout.tsx';
import { Table } from '../../components/Table.tsx';
import { Digest, MiddleText } from '../../components/text.tsx';
import { bytes, count, m } from '../../i18n/index.ts';
import { useClient, useLoaded } from '../../store/hooks.ts';

/** What a run has kept: its outputs by digest, and the files in them. */
export function FilesTab({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const client = useClient();
  const { value, error, reload } = useLoaded(
    () => client.call('listRunFiles', { params: { id: run.id } }),
    [client, run.id, run.status, run.outputs.length],
  );
  return (
    <>
      {run.outputs.length > 0 && (
        <Section title={m.outputs} note={count(run.outputs.length)}>
          <Table
            caption={m.outputs}
            isCompact
            rows={run.outputs}
            keyOf={(output) => output.name}
            columns={[
              { id: 'name', title: m.name, cell: (output) => output.name },
              { id: 'files', title: m.files, isNumber: true, cell: (output) => count(output.files) },
              { id: 'size', title: m.size, isNumber: true, cell: (output) => bytes(output.bytes) },
              {
                id: 'digest',
                title: m.digests,
                cell: ({ digests }) =>
                  Object.entries(digests).map(([name, digest]) => <Digest key={name} name={name} value={digest} />),
              },
            ]}
          />
        </Section>
      )}
      {error && <ErrorNote error={error} onRetry={reload} />}
      {!value && !error && <Loading />}
      {value && value.items.length === 0 && <EmptyState title={hasEnded ? m.noFilesEnded : m.noFilesYet} />}
      {value && value.items.length > 0 && (
        <Section title={m.files} note={count(value.items.length)}>
          <Table
            caption={m.files}
            isCompact
            rows={value.items}
            keyOf={(file) => `${file.output}/${file.path}`}
            columns={[
              {
                id: 'path',
                title: m.path,
                cell: (file) => <MiddleText text={`${file.output}/${file.path}`} length={90} />,
                sortBy: (file) => `${file.output}/${file.path}`,
              },
              {
                id: 'size',
                title: m.size,
                isNumber: true,
                cell: (file) => bytes(file.bytes),
                sortBy: (file) => file.bytes,
              },
            ]}
          />
        </Section>
      )}
    </>
  );
}
