// One run: what it is, how it stands, what can be done; its curves, log, parameters and files. Lives by subscription.
import { useState } from 'preact/hooks';
import { endedRunStatuses, type Run } from '../../../server/protocol/entities.ts';
import { EmptyState, ErrorNote, Fact, Loading, PageHead } from '../../components/layout.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Tabs } from '../../components/Tabs.tsx';
import { Duration, MiddleText, ReceiptLink, RelativeTime, RouteLink } from '../../components/text.tsx';
import { count, m, value } from '../../i18n/index.ts';
import { usePageTitle, useRun } from '../../store/hooks.ts';
import { CurvesTab } from './CurvesTab.tsx';
import { FilesTab } from './FilesTab.tsx';
import { LogsTab } from './LogsTab.tsx';
import { ParametersTab } from './ParametersTab.tsx';
import { RunActions } from './RunActions.tsx';
import { RunOutcome } from './RunOutcome.tsx';
import { SystemTab } from './SystemTab.tsx';
import './run.css';

export function RunPage({ id }: { id: string }) {
  const { run, ready, error } = useRun(id);
  const [tab, setTab] = useState('curves');
  usePageTitle({ page: 'run', id }, run?.title);
  if (!run) {
    if (error) return <ErrorNote error={error} />;
    return ready ? <EmptyState title={m.noSuchRun(id)} /> : <Loading />;
  }
  const hasEnded = endedRunStatuses.includes(run.status);
  return (
    <>
      <PageHead
        icon={<StatusIcon status={run.status} />}
        title={run.title}
        state={m.runStatus[run.status]}
        facts={<RunFacts run={run} hasEnded={hasEnded} />}
        actions={<RunActions run={run} hasEnded={hasEnded} />}
      />
      <RunOutcome run={run} hasEnded={hasEnded} />
      <Tabs
        chosen={tab}
        onChoose={setTab}
        tabs={[
          { id: 'curves', title: m.curves, content: () => <CurvesTab run={run} hasEnded={hasEnded} /> },
          { id: 'logs', title: m.logs, content: () => <LogsTab run={run.id} /> },
          { id: 'system', title: m.system, content: () => <SystemTab run={run.id} hasEnded={hasEnded} /> },
          { id: 'files', title: m.files, content: () => <FilesTab run={run} hasEnded={hasEnded} /> },
          { id: 'parameters', title: m.parameters, content: () => <ParametersTab run={run} /> },
        ]}
      />
    </>
  );
}

/** Facts that are still to come keep their place: the line must not move what is below it. */
function RunFacts({ run, hasEnded }: { run: Run; hasEnded: boolean }) {
  const { epoch, objective, dataset, environment, code } = run;
  const metric = objective && run.metrics[objective.metric];
  return (
    <>
      {epoch && (
        <Fact label={m.epoch}>
          <span class="number">
            {epoch.total === undefined ? count(epoch.step) : m.ofTotal(count(epoch.step), count(epoch.total))}
          </span>
        </Fact>
      )}
      {objective && (
        <Fact label={objective.metric}>
          <strong class="number">{value(metric)}</strong>
        </Fact>
      )}
      {run.startedAt !== undefined && (
        <Fact label={m.duration}>
          <Duration from={run.startedAt} to={run.endedAt} />
        </Fact>
      )}
      <Fact label={run.startedAt === undefined ? m.created : m.started}>
        <RelativeTime at={run.startedAt ?? run.createdAt} />
      </Fact>
      {run.attempt > 1 && <Fact label={m.attempt}>{count(run.attempt)}</Fact>}
      {dataset && (
        <Fact label={m.dataset}>
          <RouteLink to={{ page: 'receipts', project: run.project, subject: `dataset:${dataset}` }} title={dataset}>
            {dataset}
          </RouteLink>
        </Fact>
      )}
      {environment && (
        <Fact label={m.environment}>
          <MiddleText text={environment.label} />
        </Fact>
      )}
      {code?.commit && (
        <Fact label={m.commit}>
          <code title={code.commit}>{code.commit.slice(0, 8)}</code>
          {code.changed && <span class="quiet">{m.withChanges}</span>}
        </Fact>
      )}
      {run.sweep && (
        <Fact label={m.trialOf(run.trial === undefined ? '' : count(run.trial))}>
          <RouteLink to={{ page: 'sweep', id: run.sweep }} title={run.sweep}>
            {m.sweep}
          </RouteLink>
        </Fact>
      )}
      {run.receipt ? <ReceiptLink id={run.receipt} /> : !hasEnded && <span class="to-come">{m.receipt}</span>}
    </>
  );
}
