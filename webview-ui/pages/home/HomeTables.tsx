import { type EntityOf, endedRunStatuses, type Run } from '../../../server/protocol/entities.ts';
import type { PageRoute } from '../../../server/protocol/pages.ts';
import { EmptyState } from '../../components/layout.tsx';
import { Status, StatusIcon } from '../../components/Status.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { Badge, CodeLine, Duration, MiddleText, RelativeTime, RouteLink } from '../../components/text.tsx';
import { bytes, clock, count, m, milliseconds, value } from '../../i18n/index.ts';
import { useNavigate, useTopic } from '../../store/hooks.ts';

/** A table whose rows lead to pages. */
function RouteTable<T>(props: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  keyOf: (row: T) => string;
  routeOf: (row: T) => PageRoute;
}) {
  const navigate = useNavigate();
  return <Table {...props} onOpen={(row) => navigate(props.routeOf(row), props.keyOf(row))} />;
}

function linked<T>(routeOf: (row: T) => PageRoute, textOf: (row: T) => string, status?: (row: T) => string) {
  return (row: T) => (
    <span class="status">
      {status && <StatusIcon status={status(row)} />}
      <RouteLink to={routeOf(row)} title={textOf(row)}>
        <MiddleText text={textOf(row)} length={30} />
      </RouteLink>
    </span>
  );
}

export function RunsTable({ runs }: { runs: Run[] }) {
  if (runs.length === 0) {
    return (
      <EmptyState title={m.noRuns}>
        <CodeLine text="slipway run start" />
      </EmptyState>
    );
  }
  const routeOf = (run: Run): PageRoute => ({ page: 'run', id: run.id });
  return (
    <RouteTable
      caption={m.runs}
      rows={runs}
      keyOf={(run) => run.id}
      routeOf={routeOf}
      columns={[
        {
          id: 'title',
          title: m.run,
          cell: linked(
            routeOf,
            (run) => run.title,
            (run) => run.status,
          ),
        },
        { id: 'status', title: m.state, cell: (run) => m.runStatus[run.status] },
        { id: 'detail', title: '', isFilling: true, cell: runDetail },
        { id: 'metric', title: m.objective, isNumber: true, cell: objectiveValue },
        {
          id: 'duration',
          title: m.duration,
          isNumber: true,
          cell: (run) => (run.startedAt === undefined ? '–' : <Duration from={run.startedAt} to={run.endedAt} />),
        },
        {
          id: 'at',
          title: m.time,
          isNumber: true,
          cell: (run) => <RelativeTime at={run.endedAt ?? run.startedAt ?? run.createdAt} />,
        },
      ]}
    />
  );
}

function runDetail(run: Run) {
  const text = detailText(run);
  return (
    <span class="quiet" title={text}>
      {text}
    </span>
  );
}

function detailText(run: Run): string {
  if (run.waiting && !endedRunStatuses.includes(run.status)) {
    const { position, estimatedStart, reason } = run.waiting;
    const parts = [
      position === undefined ? undefined : m.positionInLine(position),
      reason,
      estimatedStart === undefined ? undefined : m.startsAbout(clock(estimatedStart)),
    ];
    return parts.filter(Boolean).join(' · ');
  }
  if (run.status === 'running' && run.epoch) {
    const { step, total } = run.epoch;
    return `${m.epoch} ${total === undefined ? count(step) : m.ofTotal(count(step), count(total))}`;
  }
  if (run.cached) return m.fromCache;
  return run.exception ? `${run.exception.type}: ${run.exception.message}` : run.reason;
}

function objectiveValue(run: Run) {
  const metric = run.objective?.metric;
  if (!metric || run.metrics[metric] === undefined) return '–';
  return <span title={metric}>{value(run.metrics[metric])}</span>;
}

export function SweepsTable({ sweeps }: { sweeps: EntityOf<'sweeps'>[] }) {
  if (sweeps.length === 0) {
    return (
      <EmptyState title={m.noSweeps}>
        <CodeLine text="slipway sweep start" />
      </EmptyState>
    );
  }
  type Sweep = EntityOf<'sweeps'>;
  const routeOf = (sweep: Sweep): PageRoute => ({ page: 'sweep', id: sweep.id });
  const ended = ({ counts }: Sweep) => counts.finished + counts.stoppedEarly + counts.stopped + counts.failed;
  return (
    <RouteTable
      caption={m.sweeps}
      rows={[...sweeps].sort((a, b) => b.createdAt - a.createdAt)}
      keyOf={(sweep) => sweep.id}
      routeOf={routeOf}
      columns={[
        {
          id: 'title',
          title: m.sweep,
          cell: linked(
            routeOf,
            (sweep) => sweep.title,
            (sweep) => sweep.status,
          ),
        },
        { id: 'status', title: m.state, cell: (sweep) => m.sweepStatus[sweep.status] },
        {
          id: 'trials',
          title: m.trials,
          isNumber: true,
          cell: (row) => m.ofTotal(count(ended(row)), count(row.trials)),
        },
        {
          id: 'early',
          title: m.stoppedEarlyColumn,
          isNumber: true,
          cell: (row) => count(row.counts.stoppedEarly),
        },
        { id: 'best', title: m.best, isNumber: true, cell: (row) => value(row.best?.value) },
        { id: 'at', title: m.time, isNumber: true, cell: (row) => <RelativeTime at={row.endedAt ?? row.createdAt} /> },
      ]}
    />
  );
}

export function EndpointsTable({ endpoints }: { endpoints: EntityOf<'endpoints'>[] }) {
  if (endpoints.length === 0) return <EmptyState title={m.noEndpoints} />;
  type Endpoint = EntityOf<'endpoints'>;
  const routeOf = (endpoint: Endpoint): PageRoute => ({ page: 'endpoint', name: endpoint.name });
  const sum = (endpoint: Endpoint, key: 'requestsPerSecond' | 'errors') =>
    endpoint.revisions.reduce((total, revision) => total + revision[key], 0);
  const statusOf = ({ rollout, revisions }: Endpoint) =>
    rollout ? 'stepping' : revisions.some((revision) => revision.status === 'ready') ? 'ready' : 'starting';
  return (
    <RouteTable
      caption={m.endpoints}
      rows={endpoints}
      keyOf={(endpoint) => endpoint.name}
      routeOf={routeOf}
      columns={[
        { id: 'name', title: m.endpoint, cell: linked(routeOf, (endpoint) => endpoint.name, statusOf) },
        { id: 'serving', title: m.traffic, cell: (endpoint) => servingText(endpoint) },
        { id: 'rate', title: m.rate, isNumber: true, cell: (row) => m.perSecond(count(sum(row, 'requestsPerSecond'))) },
        { id: 'p95', title: m.p95, isNumber: true, cell: slowestP95 },
        { id: 'errors', title: m.errors, isNumber: true, cell: (row) => count(sum(row, 'errors')) },
      ]}
    />
  );
}

function servingText(endpoint: EntityOf<'endpoints'>): string {
  const serving = endpoint.revisions.filter((revision) => revision.weight > 0);
  if (serving.length === 0) return '–';
  return serving.map((revision) => `${revision.name} ${m.percentOf(count(revision.weight))}`).join(' · ');
}

function slowestP95(endpoint: EntityOf<'endpoints'>): string {
  const known = endpoint.revisions.flatMap((revision) => (revision.weight > 0 ? (revision.p95Ms ?? []) : []));
  return known.length === 0 ? '–' : milliseconds(Math.max(...known));
}

export function ModelsTable({ models }: { models: EntityOf<'models'>[] }) {
  const versions = useTopic('modelVersions').byId;
  if (models.length === 0) return <EmptyState title={m.noModels} />;
  type Model = EntityOf<'models'>;
  const routeOf = (model: Model): PageRoute => ({ page: 'modelVersion', name: model.name, version: model.latest });
  return (
    <RouteTable
      caption={m.models}
      rows={models}
      keyOf={(model) => model.id}
      routeOf={routeOf}
      columns={[
        { id: 'name', title: m.model, cell: linked(routeOf, (model) => model.name) },
        { id: 'latest', title: m.latestVersion, isNumber: true, cell: (model) => `v${model.latest}` },
        {
          id: 'aliases',
          title: m.aliases,
          cell: (model) =>
            Object.entries(model.aliases).map(([alias, version]) => (
              <span key={alias} class="alias">
                <Badge>{alias}</Badge> v{version}
              </span>
            )),
        },
        { id: 'gates', title: m.gates, cell: (model) => gatesOf(versions.get(`${model.name}@v${model.latest}`)) },
        { id: 'at', title: m.time, isNumber: true, cell: (model) => <RelativeTime at={model.updatedAt} /> },
      ]}
    />
  );
}

function gatesOf(version: EntityOf<'modelVersions'> | undefined) {
  if (version?.gatesPassed === undefined) return '–';
  return version.gatesPassed ? (
    <Status status="passed" label={m.passed} />
  ) : (
    <Status status="failed" label={m.notPassed} />
  );
}

export function DatasetsTable({ datasets }: { datasets: EntityOf<'datasets'>[] }) {
  const versions = useTopic('datasetVersions').byId;
  if (datasets.length === 0) {
    return (
      <EmptyState title={m.noDatasets}>
        <CodeLine text="slipway dataset add data --name digits" />
      </EmptyState>
    );
  }
  type Dataset = EntityOf<'datasets'>;
  const latest = (dataset: Dataset) => versions.get(`${dataset.name}@v${dataset.latest}`);
  const routeOf = (dataset: Dataset): PageRoute => {
    const subject = `dataset:${dataset.name}@v${dataset.latest}`;
    return { page: 'receipts', project: latest(dataset)?.project ?? dataset.name, subject };
  };
  return (
    <RouteTable
      caption={m.datasets}
      rows={datasets}
      keyOf={(dataset) => dataset.id}
      routeOf={routeOf}
      columns={[
        { id: 'name', title: m.dataset, cell: linked(routeOf, (dataset) => dataset.title ?? dataset.name) },
        { id: 'latest', title: m.latestVersion, isNumber: true, cell: (dataset) => `v${dataset.latest}` },
        { id: 'files', title: m.files, isNumber: true, cell: (dataset) => count(dataset.files) },
        { id: 'size', title: m.size, isNumber: true, cell: (dataset) => bytes(dataset.bytes) },
        { id: 'split', title: m.split, cell: (dataset) => <SplitText version={latest(dataset)} /> },
        { id: 'at', title: m.time, isNumber: true, cell: (dataset) => <RelativeTime at={dataset.updatedAt} /> },
      ]}
    />
  );
}

function SplitText({ version }: { version: EntityOf<'datasetVersions'> | undefined }) {
  const split = version?.split;
  if (!split) return <span>–</span>;
  const leaks = split.leakage.verdict === 'leaks';
  return (
    <Status
      status={leaks ? 'rolledBack' : 'passed'}
      label={`${count(split.train)} : ${count(split.test)}${leaks ? ` · ${m.leaks}` : ''}`}
    />
  );
}
