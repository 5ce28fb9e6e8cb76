// One endpoint: the traffic by revision, the rollout in progress with its evidence, recent errors, and how to call it.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { EmptyState, ErrorNote, Fact, Loading, PageHead, Section } from '../../components/layout.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Table } from '../../components/Table.tsx';
import { CodeLine, CopyButton, RelativeTime, RouteLink } from '../../components/text.tsx';
import { count, m } from '../../i18n/index.ts';
import { usePageTitle, useTopic } from '../../store/hooks.ts';
import { modelVersionRoute } from '../modelVersion/route.ts';
import { curlLine } from './curlLine.ts';
import { DriftSection } from './DriftSection.tsx';
import { EndpointActions } from './EndpointActions.tsx';
import { ProposalNotice } from './ProposalNotice.tsx';
import { Retrainings } from './Retrainings.tsx';
import { Revisions } from './Revisions.tsx';
import { RolloutView } from './RolloutView.tsx';
import { ShadowSection } from './ShadowSection.tsx';
import { TraceForm } from './TraceForm.tsx';
import { TrafficCharts } from './TrafficCharts.tsx';
import './endpoint.css';

type Endpoint = EntityOf<'endpoints'>;
type Rollout = EntityOf<'rollouts'>;

export function EndpointPage({ name }: { name: string }) {
  const { items, ready, error } = useTopic('endpoints');
  const endpoint = items.find((item) => item.name === name);
  const rollouts = useTopic('rollouts').items;
  const monitors = useTopic('monitors');
  const monitor = monitors.byId.get(name);
  usePageTitle({ page: 'endpoint', name }, endpoint && name);
  if (!endpoint) {
    if (error) return <ErrorNote error={error} />;
    return ready ? <EmptyState title={m.noSuchEndpoint(name)} /> : <Loading />;
  }
  const mine = rollouts
    .filter((rollout) => rollout.endpoint === endpoint.name)
    .sort((a, b) => b.createdAt - a.createdAt);
  const current = mine.find((rollout) => rollout.id === endpoint.rollout);
  const shown = current ?? mine[0];
  return (
    <>
      <PageHead
        icon={<StatusIcon status={overallStatus(endpoint, current)} />}
        title={endpoint.name}
        state={stateOf(endpoint, current)}
        facts={<EndpointFacts endpoint={endpoint} />}
        actions={<EndpointActions endpoint={endpoint} rollout={current} previous={previousVersion(endpoint, mine)} />}
      />
      {monitor?.proposal && <ProposalNotice monitor={monitor} proposal={monitor.proposal} />}
      {shown && <RolloutView rollout={shown} isCurrent={shown === current} />}
      <Revisions endpoint={endpoint} />
      <TrafficCharts endpoint={endpoint} />
      <ShadowSection revisions={endpoint.revisions} />
      {monitors.ready && <DriftSection endpoint={endpoint} monitor={monitor} />}
      {monitor && <Retrainings monitor={monitor} />}
      <RecentErrors endpoint={endpoint} />
      <Section title={m.callIt}>
        <CodeLine text={curlLine(endpoint)} />
        {endpoint.access !== 'open' && <p class="quiet hint">{m.tokenHint}</p>}
      </Section>
      <TraceForm />
      <PastRollouts rollouts={mine.filter((rollout) => rollout !== shown)} />
    </>
  );
}

function EndpointFacts({ endpoint }: { endpoint: Endpoint }) {
  const total = endpoint.revisions.reduce((sum, revision) => sum + revision.requestsPerSecond, 0);
  return (
    <>
      <Fact>
        <span class="number">{m.perSecond(count(total))}</span>
      </Fact>
      <Fact label={m.model}>
        <RouteLink
          to={{ page: 'receipts', project: endpoint.project, subject: `model:${endpoint.model}` }}
          title={endpoint.model}
        >
          {endpoint.model}
        </RouteLink>
      </Fact>
      {endpoint.samples && endpoint.samples.taken > 0 && (
        <Fact label={m.serving.samples}>
          <span class="number">{count(endpoint.samples.taken)}</span>
          {endpoint.samples.dropped > 0 && <span>{m.serving.samplesDropped(count(endpoint.samples.dropped))}</span>}
        </Fact>
      )}
      <Fact label={m.access}>{m.accessNames[endpoint.access]}</Fact>
      <Fact label={m.address}>
        <code>{endpoint.url}</code>
        <CopyButton text={endpoint.url} />
      </Fact>
    </>
  );
}

function RecentErrors({ endpoint }: { endpoint: Endpoint }) {
  return (
    <Section title={m.recentErrors} note={count(endpoint.recentErrors.length)}>
      {endpoint.recentErrors.length === 0 ? (
        <EmptyState title={m.noErrors} />
      ) : (
        <Table
          caption={m.recentErrors}
          rows={endpoint.recentErrors}
          keyOf={(error) => error.requestId}
          columns={[
            { id: 'at', title: m.time, cell: (error) => <RelativeTime at={error.at} /> },
            {
              id: 'revision',
              title: m.revision,
              cell: (error) => (
                <RouteLink to={modelVersionRoute(`${endpoint.model}@${error.revision}`)} title={error.revision}>
                  {error.revision}
                </RouteLink>
              ),
            },
            { id: 'status', title: m.httpStatus, isNumber: true, cell: (error) => error.status },
            {
              id: 'message',
              title: m.message,
              isFilling: true,
              cell: (error) => <span title={error.message}>{error.message}</span>,
            },
            {
              id: 'request',
              title: m.requestId,
              cell: (error) => (
                <span class="digest">
                  <code>{error.requestId}</code>
                  <CopyButton text={error.requestId} />
                </span>
              ),
            },
          ]}
        />
      )}
    </Section>
  );
}

function PastRollouts({ rollouts }: { rollouts: Rollout[] }) {
  if (rollouts.length === 0) return null;
  return (
    <Section title={m.earlierRollouts} note={count(rollouts.length)}>
      <Table
        caption={m.earlierRollouts}
        rows={rollouts}
        keyOf={(rollout) => rollout.id}
        columns={[
          {
            id: 'what',
            title: m.rollout,
            cell: (rollout) => (
              <span class="status">
                <StatusIcon status={rollout.status} />
                {m.fromTo(rollout.from ?? '–', rollout.to)}
              </span>
            ),
          },
          { id: 'status', title: m.state, cell: (rollout) => m.rolloutStatus[rollout.status] },
          {
            id: 'reason',
            title: m.reason,
            isFilling: true,
            cell: (rollout) => <span class="quiet">{rollout.reason}</span>,
          },
          { id: 'at', title: m.time, cell: (rollout) => <RelativeTime at={rollout.endedAt ?? rollout.createdAt} /> },
        ]}
      />
    </Section>
  );
}

function overallStatus(endpoint: Endpoint, current: Rollout | undefined): string {
  if (current) return current.status;
  const serving = endpoint.revisions.filter((revision) => revision.weight > 0);
  if (serving.some((revision) => revision.status === 'failed')) return 'failed';
  return serving.some((revision) => revision.status === 'ready') ? 'ready' : 'starting';
}

function stateOf(endpoint: Endpoint, current: Rollout | undefined): string {
  if (current) return `${m.fromTo(current.from ?? '–', current.to)} · ${m.rolloutStatus[current.status]}`;
  const serving = endpoint.revisions.filter((revision) => revision.weight > 0).map((revision) => revision.name);
  return serving.length > 0 ? m.serves(serving.join(', ')) : m.servesNothing;
}

/** What a roll back leads to: before a canary's end its stable version, afterwards the one replaced last. */
function previousVersion(endpoint: Endpoint, newestFirst: Rollout[]): string | undefined {
  const from = newestFirst.find((rollout) => rollout.id === endpoint.rollout || rollout.status === 'completed')?.from;
  return from ?? undefined;
}
