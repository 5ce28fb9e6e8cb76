// One model version: what it was made of, back to the bytes, by which gates it was let in, and where it went.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { GatesTable } from '../../components/GatesTable.tsx';
import { EmptyState, ErrorNote, Fact, Facts, Loading, PageHead, Section } from '../../components/layout.tsx';
import { Status, StatusIcon } from '../../components/Status.tsx';
import { Badge, Digest, ReceiptLink, RelativeTime, RouteLink } from '../../components/text.tsx';
import { bytes, m, param, value } from '../../i18n/index.ts';
import { useClient, useLoaded, usePageTitle, useRun, useTopic } from '../../store/hooks.ts';
import { History } from './History.tsx';
import { LineagePicture } from './LineagePicture.tsx';
import './modelVersion.css';

type ModelVersion = EntityOf<'modelVersions'>;

export function ModelVersionPage({ name, version }: { name: string; version: number }) {
  const id = `${name}@v${version}`;
  const { byId, ready, error } = useTopic('modelVersions', name);
  const shown = byId.get(id);
  usePageTitle({ page: 'modelVersion', name, version }, `${name} v${version}`);
  if (!shown) {
    if (error) return <ErrorNote error={error} />;
    return ready ? <EmptyState title={m.serving.noModelVersion(id)} /> : <Loading />;
  }
  return <Shown version={shown} />;
}

function Shown({ version }: { version: ModelVersion }) {
  const client = useClient();
  const { model: name, id } = version;
  const rollouts = useTopic('rollouts').items.filter(
    (rollout) =>
      rollout.model === name && (rollout.to === `v${version.version}` || rollout.from === `v${version.version}`),
  );
  // What changes the lineage: a rollout that ends, an alias that moves.
  const changes = [...rollouts.map(({ id, status }) => `${id} ${status}`), ...version.aliases].join();
  const {
    value: lineage,
    error,
    reload,
  } = useLoaded(
    () => client.call('getLineage', { params: { name, version: `v${version.version}` } }),
    [client, id, changes],
  );
  return (
    <>
      <PageHead
        icon={<StatusIcon status={version.aliases.includes('production') ? 'ready' : 'done'} />}
        title={`${name} v${version.version}`}
        state={version.aliases.join(' · ')}
        facts={<VersionFacts version={version} />}
      />
      {error && <ErrorNote error={error} onRetry={reload} />}
      {lineage && (
        <Section title={m.serving.lineage}>
          <LineagePicture
            lineage={lineage}
            title={m.serving.lineageOf(`${name} v${version.version}`)}
            project={version.project}
          />
          {!lineage.isComplete && <p class="quiet">{m.serving.incomplete}</p>}
        </Section>
      )}
      <Gates version={version} />
      <MadeBy version={version} />
      {lineage && <History version={version} moves={lineage.moves} rollouts={rollouts} />}
    </>
  );
}

function VersionFacts({ version }: { version: ModelVersion }) {
  return (
    <>
      {version.aliases.map((alias) => (
        <Badge key={alias}>{alias}</Badge>
      ))}
      <Fact label={m.created}>
        <RelativeTime at={version.createdAt} />
      </Fact>
      <Fact label={m.size}>{bytes(version.bytes)}</Fact>
      {Object.entries(version.metrics)
        .slice(0, 4)
        .map(([name, amount]) => (
          <Fact key={name} label={name}>
            <span class="number">{value(amount)}</span>
          </Fact>
        ))}
      {version.digests['sha256'] && <Digest name="sha256" value={version.digests['sha256']} />}
      {version.receipt && <ReceiptLink id={version.receipt} />}
    </>
  );
}

function Gates({ version }: { version: ModelVersion }) {
  const validation = useTopic('validations', version.project).byId.get(version.validation ?? '');
  if (!validation) return null;
  const isPassed = validation.decision === 'serve';
  return (
    <Section title={m.gates} note={validation.reason}>
      <p class="facts">
        {validation.decision && (
          <Status status={isPassed ? 'passed' : 'failed'} label={m.decision[validation.decision]} />
        )}
        {validation.validateRun && (
          <RouteLink to={{ page: 'run', id: validation.validateRun }} title={m.validationRun}>
            {m.validationRun}
          </RouteLink>
        )}
        {validation.receipt && <ReceiptLink id={validation.receipt} />}
      </p>
      {validation.gates.length > 0 && <GatesTable gates={validation.gates} />}
    </Section>
  );
}

/** Parameters, code and environment of the run. */
function MadeBy({ version }: { version: ModelVersion }) {
  const { run } = useRun(version.run);
  const params = Object.entries(version.params).map(([name, given]) => `${name} ${param(given)}`);
  return (
    <Section title={m.run}>
      <Facts
        rows={[
          [
            m.run,
            run ? (
              <RouteLink to={{ page: 'run', id: version.run }} title={run.title}>
                {run.title}
              </RouteLink>
            ) : (
              version.run
            ),
          ],
          [m.dataset, version.dataset ?? '–'],
          [m.parameters, params.join(' · ') || m.noParameters],
          [m.command, <code key="command">{run?.command ?? '–'}</code>],
          [m.codeSnapshot, run?.code ? <Digest key="code" value={run.code.sha256} /> : '–'],
          [m.commit, commitOf(run)],
          [m.serving.environment, run?.environment?.label ?? '–'],
        ]}
      />
    </Section>
  );
}

function commitOf(run: EntityOf<'runs'> | undefined): string {
  const { commit, changed } = run?.code ?? {};
  return commit ? `${commit.slice(0, 12)}${changed ? ` · ${m.withChanges}` : ''}` : '–';
}
