import { useMemo } from 'preact/hooks';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { ErrorNote } from '../../components/layout.tsx';
import { Status } from '../../components/Status.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { Badge, Duration, RouteLink } from '../../components/text.tsx';
import { count, m, param, value } from '../../i18n/index.ts';
import { useAction, useClient, useNavigate } from '../../store/hooks.ts';

type Trial = EntityOf<'trials'>;

/** Every trial with its parameters and value; a row leads to its run. */
export function TrialsTable({ sweep, trials }: { sweep: EntityOf<'sweeps'>; trials: Trial[] }) {
  const navigate = useNavigate();
  const client = useClient();
  const { act, error } = useAction();
  const { id, best, front, objective, objectives, runsElsewhere } = sweep;
  const promote = (trial: Trial) =>
    act('promote', async () => {
      const body = { action: 'promote', trial: trial.number, attempt: trial.attempt } as const;
      await client.call('changeSweep', { params: { id }, body });
    });
  const columns = useMemo(() => {
    const marked = new Set(objectives ? front : best ? [best.trial] : []);
    const goals = objectives ?? [objective];
    const names = goals.map(({ metric }) => metric);
    return columnsOf(trials, marked, names, runsElsewhere ? undefined : promote);
  }, [trials, best?.trial, front, id]);
  const open = (trial: Trial) => {
    if (trial.run) navigate({ page: 'run', id: trial.run }, m.trialOf(count(trial.number)));
  };
  return (
    <>
      {error && <ErrorNote error={error} />}
      <Table
        caption={m.trials}
        columns={columns}
        rows={trials}
        keyOf={(trial) => trial.id}
        onOpen={open}
        sort={{ column: 'number', descending: true }}
      />
    </>
  );
}

function columnsOf(
  trials: Trial[],
  marked: ReadonlySet<number>,
  metrics: readonly string[],
  promote: ((trial: Trial) => void) | undefined,
): Column<Trial>[] {
  const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.params)))];
  return [
    {
      id: 'number',
      title: m.trial,
      isNumber: true,
      sortBy: (trial) => trial.number,
      cell: (trial) =>
        trial.run ? (
          <RouteLink to={{ page: 'run', id: trial.run }} title={m.trialOf(count(trial.number))}>
            {count(trial.number)}
          </RouteLink>
        ) : (
          count(trial.number)
        ),
    },
    {
      id: 'status',
      title: m.state,
      sortBy: (trial) => trial.status,
      cell: (trial) => (
        <span title={trial.reason}>
          <Status status={trial.status} label={m.trialStatus[trial.status]} />
          {marked.has(trial.number) && <Badge>{metrics.length > 1 ? m.front : m.best}</Badge>}
        </span>
      ),
    },
    ...metrics.map((metric, index): Column<Trial> => {
      const given = (trial: Trial) => (metrics.length > 1 ? trial.values?.[index] : trial.value);
      return {
        id: `value ${metric}`,
        title: metric,
        isNumber: true,
        sortBy: (trial) => (given(trial) === undefined ? undefined : Number(given(trial))),
        cell: (trial) => value(given(trial)),
      };
    }),
    {
      id: 'step',
      title: m.step,
      isNumber: true,
      sortBy: (trial) => trial.step,
      cell: (trial) => (trial.step === undefined ? '–' : count(trial.step)),
    },
    ...names.map(
      (name): Column<Trial> => ({
        id: `param ${name}`,
        title: <code>{name}</code>,
        isNumber: trials.some((trial) => typeof trial.params[name] === 'number'),
        sortBy: (trial) => sortable(trial.params[name]),
        cell: (trial) => <Given given={trial.params[name]} />,
      }),
    ),
    {
      id: 'duration',
      title: m.duration,
      isNumber: true,
      sortBy: (trial) => (trial.startedAt && trial.endedAt ? trial.endedAt - trial.startedAt : undefined),
      cell: (trial) => (trial.startedAt === undefined ? '–' : <Duration from={trial.startedAt} to={trial.endedAt} />),
    },
    {
      id: 'reason',
      title: m.reason,
      isFilling: true,
      cell: (trial) => (
        <span class="trial-reason">
          <span title={trial.reason}>{trial.reason}</span>
          {promote && trial.status === 'stoppedEarly' && (
            <button
              type="button"
              class="link"
              title={m.promoteTrialMeans}
              onClick={(event) => {
                event.stopPropagation();
                promote(trial);
              }}
            >
              {m.promoteTrial}
            </button>
          )}
        </span>
      ),
    },
  ];
}

/** A sampled number in as many digits as columns of them can be compared by; all of them on hover. */
function Given({ given }: { given: Trial['params'][string] | undefined }) {
  if (given === undefined) return '–';
  return <span title={param(given)}>{typeof given === 'number' ? value(given) : param(given)}</span>;
}

function sortable(given: string | number | boolean | null | undefined): string | number | undefined {
  return typeof given === 'boolean' || given === null ? String(given) : given;
}
