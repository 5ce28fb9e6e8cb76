// What a sweep found, in pictures: values over trials or time, parameters together and each on its own, goals.
import { useMemo, useState } from 'preact/hooks';
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { fewestTrials, importanceOf } from '../../charts/importance.ts';
import { ParallelCoordinates } from '../../charts/ParallelCoordinates.tsx';
import { TrialScatter } from '../../charts/TrialScatter.tsx';
import { TrialsChart } from '../../charts/TrialsChart.tsx';
import { axesOf, numberAxis } from '../../charts/trialAxes.ts';
import { type Tab, Tabs } from '../../components/Tabs.tsx';
import { count, m, percent } from '../../i18n/index.ts';

type Sweep = EntityOf<'sweeps'>;
type Trial = EntityOf<'trials'>;

interface Props {
  sweep: Sweep;
  trials: Trial[];
}

export function SweepCharts({ sweep, trials }: Props) {
  const [chosen, choose] = useState('trials');
  const { metric, goal } = sweep.objective;
  const overTrials = <TrialsChart trials={trials} goal={goal} metric={metric} />;
  const overTime = <TrialsChart trials={trials} goal={goal} metric={metric} since={sweep.createdAt} />;
  const tabs: Tab[] = [
    { id: 'trials', title: m.overTrials, content: () => overTrials },
    { id: 'time', title: m.overTime, content: () => overTime },
    {
      id: 'parallel',
      title: m.parameters,
      content: () => <ParallelCoordinates trials={trials} space={sweep.space} metric={metric} goal={goal} />,
    },
    { id: 'importance', title: m.importance, content: () => <Importance sweep={sweep} trials={trials} /> },
    { id: 'slices', title: m.slices, content: () => <Slices sweep={sweep} trials={trials} /> },
  ];
  if (sweep.objectives)
    tabs.splice(0, 0, { id: 'front', title: m.front, content: () => <Fronts sweep={sweep} trials={trials} /> });
  return <Tabs tabs={tabs} chosen={chosen} onChoose={choose} />;
}

function Importance({ sweep, trials }: Props) {
  const found = useMemo(() => importanceOf(axesOf(sweep.space, trials), trials), [sweep.space, trials]);
  if (found.length === 0) return <p class="quiet">{m.importanceNeeds(count(fewestTrials))}</p>;
  return (
    <>
      <table class="table compact importance">
        <caption class="sr-only">{m.importance}</caption>
        <tbody>
          {found.map(({ name, share }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td class="bar">
                <svg width="240" height="10" aria-hidden="true">
                  <rect width={Math.max(240 * share, 1)} height="10" />
                </svg>
              </td>
              <td class="end">{percent(share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">{m.importanceMeans}</p>
    </>
  );
}

/** The best tenth is marked. */
function Slices({ sweep, trials }: Props) {
  const { metric, goal } = sweep.objective;
  const axes = useMemo(() => axesOf(sweep.space, trials), [sweep.space, trials]);
  const points = useMemo(() => {
    const sign = goal === 'maximize' ? -1 : 1;
    const known = trials
      .filter(({ value }) => value !== undefined && Number.isFinite(Number(value)))
      .sort((a, b) => sign * (Number(a.value) - Number(b.value)));
    const marked = new Set(known.slice(0, Math.ceil(known.length / 10)));
    return axes.map(({ name }) =>
      known.map((trial) => ({ x: trial.params[name], y: Number(trial.value), isMarked: marked.has(trial) })),
    );
  }, [axes, trials, goal]);
  return (
    <div class="slices">
      {axes.map((axis, index) => (
        <TrialScatter
          key={axis.name}
          title={axis.name}
          label={m.sliceChart(metric, axis.name)}
          x={axis}
          points={points[index]!}
          height={150}
        />
      ))}
    </div>
  );
}

/** The first goal against each other one; the front is joined. */
function Fronts({ sweep, trials }: Props) {
  const [first, ...others] = sweep.objectives!;
  const charts = useMemo(() => {
    const front = new Set(sweep.front);
    const known = trials.filter(({ values }) => values?.every((value) => Number.isFinite(Number(value))));
    const x = numberAxis(
      first!.metric,
      known.map(({ values }) => Number(values![0])),
    );
    return others.map((other, index) => ({
      other,
      x,
      points: known.map(({ number, values }) => ({
        x: Number(values![0]),
        y: Number(values![index + 1]),
        isMarked: front.has(number),
      })),
    }));
  }, [trials, sweep.front]);
  return (
    <div class="fronts">
      {charts.map(({ other, x, points }) => (
        <TrialScatter
          key={other.metric}
          title={m.frontTitle(other.metric, first!.metric)}
          label={m.frontChart(other.metric, first!.metric)}
          x={x}
          points={points}
          height={240}
          isJoined
        />
      ))}
      <p class="quiet">{m.frontMeans(count(sweep.front?.length ?? 0))}</p>
    </div>
  );
}
