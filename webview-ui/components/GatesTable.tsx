// The gates of a validation with the numbers that they were judged by.
import type { GateResult } from '../../server/protocol/entities.ts';
import { m, param, value } from '../i18n/index.ts';
import { Status } from './Status.tsx';
import { type Column, Table } from './Table.tsx';

export function GatesTable({ gates }: { gates: GateResult[] }) {
  return (
    <Table caption={m.gates} isCompact columns={gateColumns()} rows={gates} keyOf={(row) => JSON.stringify(row.gate)} />
  );
}

function gateColumns(): Column<GateResult>[] {
  return [
    { id: 'metric', title: m.metric, cell: (row) => row.gate.metric },
    { id: 'value', title: m.valueColumn, isNumber: true, cell: (row) => value(row.value) },
    { id: 'rule', title: m.rule, cell: (row) => ruleOf(row.gate) },
    { id: 'production', title: m.production, isNumber: true, cell: (row) => value(row.production) },
    {
      id: 'passed',
      title: m.verdict,
      cell: (row) => (
        <span title={row.reason}>
          <Status status={row.passed ? 'passed' : 'failed'} label={row.passed ? m.passed : m.notPassed} />
        </span>
      ),
    },
    { id: 'reason', title: '', cell: (row) => <span class="quiet">{row.reason}</span> },
  ];
}

function ruleOf(gate: GateResult['gate']): string {
  const rules: string[] = [];
  if (gate.min !== undefined) rules.push(`≥ ${param(gate.min)}`);
  if (gate.max !== undefined) rules.push(`≤ ${param(gate.max)}`);
  if (gate.notWorseThan) rules.push(m.notWorseThanProduction(gate.by === undefined ? '' : param(gate.by)));
  return rules.join(', ');
}
