// Drift of the requests against what the model was trained on: the last window feature by feature, and the alarms.
import { useState } from 'preact/hooks';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import type { DriftFeature } from '../../../server/protocol/monitors.ts';
import { EmptyState, Fact, Section } from '../../components/layout.tsx';
import { Status } from '../../components/Status.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { CodeLine, MiddleText, ReceiptLink, RelativeTime } from '../../components/text.tsx';
import { Button } from '../../components/toolkit.tsx';
import { count, exact, m, param, percent, span } from '../../i18n/index.ts';
import { useClient, useLoaded } from '../../store/hooks.ts';

type Monitor = EntityOf<'monitors'>;

const sampleSettings = 'monitor: { sample: { rate: 0.1 }, drift: { test: psi, threshold: 0.2, window: 1h } }';
const shownAlarms = 10;
/** The farthest; the others are a click away. */
const shownFeatures = 12;
const least = 0.0001;

export function DriftSection({ endpoint, monitor }: { endpoint: EntityOf<'endpoints'>; monitor: Monitor | undefined }) {
  if (!monitor) {
    return (
      <Section title={m.serving.drift}>
        <EmptyState title={m.serving.noSamples}>
          <CodeLine text={sampleSettings} />
        </EmptyState>
      </Section>
    );
  }
  const { window, reference } = monitor;
  const note = `${monitor.model}@v${monitor.version} · ${m.serving.comparedWith[reference]}`;
  return (
    <Section title={m.serving.drift} note={note}>
      {window ? <LastWindow window={window} /> : <EmptyState title={m.serving.firstWindow} />}
      {monitor.alarms > 0 && <Alarms endpoint={endpoint.name} project={monitor.project} alarms={monitor.alarms} />}
    </Section>
  );
}

const looks = { drifted: 'rolledBack', steady: 'passed', inconclusive: 'waiting' };

function LastWindow({ window }: { window: NonNullable<Monitor['window']> }) {
  const [isAll, setAll] = useState(false);
  const { features } = window;
  const shown = isAll ? features : features.slice(0, shownFeatures);
  return (
    <>
      <p class="facts drift-facts">
        <Status status={looks[window.verdict]} label={m.serving.driftVerdict[window.verdict]} />
        <Fact label={m.serving.window}>
          <span class="number" title={`${exact(window.from)} – ${exact(window.to)}`}>
            {span(window.to - window.from)}
          </span>
          <span class="quiet">
            <RelativeTime at={window.to} />
          </span>
        </Fact>
        <span class="number">{m.serving.rows(count(window.rows))}</span>
        <span class="quiet">{m.serving.falseAlarms(percent(window.falseAlarmRate))}</span>
      </p>
      <p class="quiet">{window.reason}</p>
      {shown.length > 0 && (
        <Table
          caption={m.serving.drift}
          columns={columns()}
          rows={shown}
          keyOf={(row) => `${row.feature} ${row.aspect} ${row.test}`}
        />
      )}
      {shown.length < features.length && <Button onClick={() => setAll(true)}>{m.showMore}</Button>}
    </>
  );
}

function columns(): Column<DriftFeature>[] {
  return [
    {
      id: 'feature',
      title: m.serving.feature,
      cell: (row) => <MiddleText text={row.feature} length={36} />,
      sortBy: (row) => row.feature,
    },
    { id: 'aspect', title: m.kind, cell: (row) => m.serving.aspects[row.aspect] },
    { id: 'test', title: m.serving.test, cell: (row) => m.serving.testOf(row.test) },
    {
      id: 'effect',
      title: m.serving.effect,
      cell: (row) => <EffectBar row={row} />,
      sortBy: (row) => row.effect / row.threshold,
    },
    {
      id: 'p',
      title: m.serving.probability,
      isNumber: true,
      cell: (row) => small(row.p),
      sortBy: (row) => row.p,
    },
    {
      id: 'verdict',
      title: m.verdict,
      cell: (row) => (
        <Status
          status={row.isDrifted ? 'rolledBack' : 'passed'}
          label={row.isDrifted ? m.serving.verdicts.drifted : m.serving.verdicts.steady}
        />
      ),
    },
    {
      id: 'examples',
      title: '',
      isFilling: true,
      cell: ({ examples }) => {
        if (!examples?.length) return null;
        const text = m.serving.newSuch(examples.join(', '));
        return (
          <span class="quiet" title={text}>
            {text}
          </span>
        );
      },
    },
  ];
}

/** The bar ends at twice the limit, whose place is marked in its middle. */
function EffectBar({ row }: { row: DriftFeature }) {
  const share = Math.min(1, row.effect / row.threshold / 2);
  return (
    <span class="effect">
      <span class="number effect-value">{small(row.effect)}</span>
      <span class={row.isDrifted ? 'effect-bar effect-beyond' : 'effect-bar'} aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span class="quiet number">{m.serving.limit(param(row.threshold))}</span>
    </span>
  );
}

/** Two digits that count; what is smaller than can be of interest only says so. */
function small(amount: number): string {
  return amount > 0 && amount < least ? `< ${param(least)}` : param(Number(amount.toPrecision(2)));
}

/** The last alarms, by their receipts. */
function Alarms({ endpoint, project, alarms }: { endpoint: string; project: string; alarms: number }) {
  const client = useClient();
  const { value: shown } = useLoaded(async () => {
    const numbers = Array.from({ length: Math.min(alarms, shownAlarms) }, (_, i) => alarms - i);
    const pages = await Promise.all(
      numbers.map((number) =>
        client.call('listReceipts', { query: { project, subject: `drift:${endpoint}/${number}`, limit: 1 } }),
      ),
    );
    return pages.flatMap(({ items }) => items);
  }, [client, project, endpoint, alarms]);
  if (!shown) return null;
  return (
    <>
      <h3>
        {m.serving.alarms} <span class="quiet number">{count(alarms)}</span>
      </h3>
      <Table
        caption={m.serving.alarms}
        rows={shown}
        keyOf={(alarm) => alarm.id}
        columns={[
          { id: 'at', title: m.time, cell: (alarm) => <RelativeTime at={Date.parse(alarm.at)} /> },
          {
            id: 'why',
            title: m.reason,
            isFilling: true,
            cell: (alarm) => <span title={alarm.decision}>{alarm.decision}</span>,
          },
          { id: 'receipt', title: '', cell: (alarm) => <ReceiptLink id={alarm.id} /> },
        ]}
      />
    </>
  );
}
