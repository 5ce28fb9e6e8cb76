// What alarms led to: retrainings with the pipeline of each.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { Section } from '../../components/layout.tsx';
import { Status } from '../../components/Status.tsx';
import { Table } from '../../components/Table.tsx';
import { RelativeTime, RouteLink } from '../../components/text.tsx';
import { count, m, span } from '../../i18n/index.ts';
import { useTopic } from '../../store/hooks.ts';
import { PipelineStepper } from '../home/PipelineStepper.tsx';

type Monitor = EntityOf<'monitors'>;

/** A retraining is in the state of its pipeline. */
function stateWord(status: string): string {
  return (m.pipelineStatus as Record<string, string>)[status] ?? status;
}

export function Retrainings({ monitor }: { monitor: Monitor }) {
  const pipelines = useTopic('pipelines').byId;
  const { retrainings, project } = monitor;
  if (retrainings.length === 0) return null;
  const newestFirst = retrainings.toReversed();
  const latest = pipelines.get(newestFirst[0]!.pipeline ?? '');
  return (
    <Section title={m.serving.retrainings} note={count(retrainings.length)}>
      {latest && <PipelineStepper pipeline={latest} />}
      <Table
        caption={m.serving.retrainings}
        rows={newestFirst}
        keyOf={(row) => row.id}
        columns={[
          {
            id: 'alarm',
            title: m.serving.alarm,
            cell: ({ id }) => (
              <RouteLink to={{ page: 'receipts', project, subject: `retrain:${id}` }} title={id}>
                {id}
              </RouteLink>
            ),
          },
          {
            id: 'status',
            title: m.state,
            cell: ({ status }) => <Status status={status} label={stateWord(status)} />,
          },
          {
            id: 'spent',
            title: m.serving.spent,
            isNumber: true,
            cell: ({ spentMs }) => (spentMs > 0 ? span(spentMs) : '–'),
          },
          {
            id: 'reason',
            title: m.serving.pipeline,
            isFilling: true,
            cell: ({ pipeline }) => <span class="quiet">{pipelines.get(pipeline ?? '')?.reason ?? ''}</span>,
          },
          {
            id: 'at',
            title: m.time,
            isNumber: true,
            cell: (row) => <RelativeTime at={row.endedAt ?? row.startedAt} />,
          },
        ]}
      />
    </Section>
  );
}
