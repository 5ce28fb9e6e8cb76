// Everything at a glance: what runs and waits, pipelines as steppers, datasets, models, sweeps, endpoints. Each row
// leads to its page; an empty place says what belongs there and how it comes.
import { endedRunStatuses, type Run } from '../../../server/protocol/entities.ts';
import { ErrorNote, Loading, PageHead, Section } from '../../components/layout.tsx';
import { CodeLine, RouteLink } from '../../components/text.tsx';
import { count, m } from '../../i18n/index.ts';
import { usePageTitle, useTopic } from '../../store/hooks.ts';
import { DatasetsTable, EndpointsTable, ModelsTable, RunsTable, SweepsTable } from './HomeTables.tsx';
import { PipelineStepper } from './PipelineStepper.tsx';
import './home.css';

const recentRuns = 10;

export function HomePage() {
  const runs = useTopic('runs');
  const pipelines = useTopic('pipelines');
  const datasets = useTopic('datasets');
  const models = useTopic('models');
  const sweeps = useTopic('sweeps');
  const endpoints = useTopic('endpoints');
  const all = [runs, pipelines, datasets, models, sweeps, endpoints];
  usePageTitle({ page: 'home' }, 'Slipway');

  const error = all.find((topic) => topic.error)?.error;
  const isEmpty = all.every((topic) => topic.items.length === 0);
  if (isEmpty && error) return <ErrorNote error={error} />;
  if (isEmpty) return all.every((topic) => topic.ready) ? <FirstUse /> : <Loading />;

  const newestFirst = [...runs.items].sort((a, b) => b.createdAt - a.createdAt);
  const active = newestFirst.filter((run) => !endedRunStatuses.includes(run.status));
  const waiting = active.filter(isWaiting);
  const running = active.filter((run) => !isWaiting(run));
  const ended = newestFirst.filter((run) => endedRunStatuses.includes(run.status));
  const shownPipelines = pipelines.items.filter((pipeline) => pipeline.status === 'running');
  const lastPipeline = [...pipelines.items].sort((a, b) => b.createdAt - a.createdAt)[0];
  if (shownPipelines.length === 0 && lastPipeline) shownPipelines.push(lastPipeline);
  return (
    <>
      <PageHead
        icon={null}
        title="Slipway"
        state={[m.runningCount(running.length), m.waitingCount(waiting.length)].join(' · ')}
      />
      {error && <ErrorNote error={error} />}
      {shownPipelines.length > 0 && (
        <Section title={m.pipelines}>
          {shownPipelines.map((pipeline) => (
            <PipelineStepper key={pipeline.id} pipeline={pipeline} />
          ))}
        </Section>
      )}
      <Section
        title={m.runs}
        note={
          <>
            {count(runs.items.length)}
            {' · '}
            <RouteLink to={{ page: 'compare' }} title={m.compareRuns}>
              {m.compare}
            </RouteLink>
          </>
        }
      >
        <RunsTable runs={[...running, ...sortByPosition(waiting), ...ended.slice(0, recentRuns)]} />
      </Section>
      <div class="home-grid">
        <Section title={m.endpoints} note={count(endpoints.items.length)}>
          <EndpointsTable endpoints={endpoints.items} />
        </Section>
        <Section title={m.sweeps} note={count(sweeps.items.length)}>
          <SweepsTable sweeps={sweeps.items} />
        </Section>
        <Section title={m.models} note={count(models.items.length)}>
          <ModelsTable models={models.items} />
        </Section>
        <Section title={m.datasets} note={count(datasets.items.length)}>
          <DatasetsTable datasets={datasets.items} />
        </Section>
      </div>
    </>
  );
}

/** Before there is anything: the three commands that bring the first model. */
function FirstUse() {
  return (
    <>
      <PageHead icon={null} title={m.welcome} />
      <p>{m.welcomeText}</p>
      <ol class="first-steps">
        <li>
          <p>{m.firstDataset}</p>
          <CodeLine text="slipway dataset add data --name digits" />
        </li>
        <li>
          <p>{m.firstRun}</p>
          <CodeLine text="slipway run start" />
        </li>
        <li>
          <p>{m.firstPipeline}</p>
          <CodeLine text="slipway pipeline run" />
        </li>
      </ol>
    </>
  );
}

function isWaiting(run: Run): boolean {
  return run.status === 'waiting' || run.status === 'preparing';
}

function sortByPosition(runs: Run[]): Run[] {
  return [...runs].sort((a, b) => (a.waiting?.position ?? Infinity) - (b.waiting?.position ?? Infinity));
}
