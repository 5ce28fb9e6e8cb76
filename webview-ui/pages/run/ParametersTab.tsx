import type { Run } from '../../../server/protocol/entities.ts';
import { Facts, Section } from '../../components/layout.tsx';
import { Table } from '../../components/Table.tsx';
import { CodeLine, Digest, MiddleText } from '../../components/text.tsx';
import { bytes, count, m, memory, param } from '../../i18n/index.ts';

/** What went into a run: parameters, command, resources, code and environment by digest. */
export function ParametersTab({ run }: { run: Run }) {
  const params = Object.entries(run.params).sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  return (
    <div class="columns">
      <Section title={m.parameters} note={count(params.length)}>
        {params.length === 0 ? (
          <p class="quiet">{m.noParameters}</p>
        ) : (
          <Table
            caption={m.parameters}
            isCompact
            rows={params}
            keyOf={([name]) => name}
            columns={[
              { id: 'name', title: m.name, cell: ([name]) => <code>{name}</code>, sortBy: ([name]) => name },
              { id: 'value', title: m.valueColumn, isNumber: true, cell: ([, value]) => <code>{param(value)}</code> },
            ]}
          />
        )}
      </Section>
      <div>
        <Section title={m.command}>
          <CodeLine text={run.command} />
        </Section>
        <Section title={m.origin}>
          <Facts rows={originRows(run)} />
        </Section>
        <Section title={m.resources}>
          <Facts rows={resourceRows(run)} />
        </Section>
      </div>
    </div>
  );
}

function originRows({ id, folder, code, environment }: Run): Parameters<typeof Facts>[0]['rows'] {
  const rows: Parameters<typeof Facts>[0]['rows'] = [
    [m.runId, <Digest key="id" value={id} />],
    [m.folder, <MiddleText key="folder" text={folder} length={60} />],
  ];
  if (code) rows.push([m.codeSnapshot, <Digest key="code" name="sha256" value={code.sha256} />]);
  if (code?.commit) {
    rows.push([m.commit, <Digest key="commit" value={code.commit} name={code.changed ? m.withChanges : undefined} />]);
  }
  if (environment) rows.push([m.environment, environment.label]);
  if (environment?.python) rows.push([m.python, environment.python]);
  if (environment?.digest) rows.push([m.environmentDigest, <Digest key="environment" value={environment.digest} />]);
  return rows;
}

function resourceRows({ resources }: Run): [string, string][] {
  const rows: [string, string | undefined][] = [
    [m.cpu, resources.cpu === undefined ? undefined : m.cores(resources.cpu)],
    [m.memory, resources.memory === undefined ? undefined : memory(resources.memory)],
    [m.gpu, resources.gpu === undefined ? undefined : count(resources.gpu)],
    [m.gpuMemory, resources.gpuMemory === undefined ? undefined : memory(resources.gpuMemory)],
    [m.sharedMemory, resources.shm === undefined ? undefined : memory(resources.shm)],
    [m.disk, resources.disk === undefined ? undefined : bytes(resources.disk)],
    [m.nodes, resources.nodes === undefined ? undefined : count(resources.nodes)],
    [m.queue, resources.queue],
  ];
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return known.length > 0 ? known : [[m.resources, m.noLimits]];
}
