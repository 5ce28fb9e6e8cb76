import { useMemo } from 'preact/hooks';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { Status } from '../../components/Status.tsx';
import { type Column, Table } from '../../components/Table.tsx';
import { Badge, Duration, RouteLink } from '../../components/text.tsx';
import { count, m, param, value } from '../../i18n/index.ts';
import { useNavigate } from '../../store/hooks.ts';

type Trial = EntityOf<'trials'>;

/** Every trial with its parameters and value; a row leads to its run. */
export function TrialsTable({ trials, best, metric }: { trials: Trial[]; best: number | undefined; metric: string }) {
  const navigate = useNavigate();
  const columns = useMemo(() => columnsOf(trials, best, metric), [trials, best, metric]);
  const open = (trial: Trial) => {
    if (trial.run) navigate({ page: 'run', id: trial.run }, m.trialOf(count(trial.number)));
  };
  return (
    <Table
      caption={m.trials}
      columns={columns}
      rows={trials}
      keyOf={(trial) => trial.id}
      onOpen={open}
      sort={{ column: 'number', descending: true }}
    />
  );
}

function columnsOf(trials: Trial[], best: number | undefined, metric: string): Column<Trial>[] {
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
          {trial.number === best && <Badge>{m.best}</Badge>}
        </span>
      ),
    },
    {
      id: 'value',
      title: metric,
      isNumber: true,
      sortBy: (trial) => (trial.value === undefined ? undefined : Number(trial.value)),
      cell: (trial) => value(trial.value),
    },
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
