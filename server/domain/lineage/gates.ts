import type { Float, GateResult } from '../../protocol/entities.ts';
import type { Gate, Validate } from '../../protocol/slipwayFile.ts';

/** What the gates say together: serve, or retrain and with what. */
export interface Verdict {
  decision: 'serve' | 'retrain';
  how: string[];
  reason: string;
  gates: GateResult[];
}

/**
 * Judges the metrics of a model by its gates. A metric that is missing or not finite fails its gate. `notWorseThan:
 * production` passes where nothing is in production yet.
 *
 * @param metrics of the model that is judged
 * @param production of the model in production, measured on the same split; undefined where there is none
 */
export function judgeGates(
  gates: readonly Gate[],
  otherwise: Validate['otherwise'],
  metrics: Record<string, Float>,
  production: Record<string, Float> | undefined,
): Verdict {
  const results = gates.map((gate) => judgeGate(gate, metrics[gate.metric], production));
  const failed = results.filter((result) => !result.passed);
  if (failed.length === 0) {
    return { decision: 'serve', how: [], reason: `All ${results.length} gates passed.`, gates: results };
  }
  const reason = `${failed.length} of ${results.length} gates failed: ${failed.map((result) => result.reason).join('; ')}.`;
  return { decision: 'retrain', how: otherwise, reason, gates: results };
}

function judgeGate(gate: Gate, value: Float | undefined, production: Record<string, Float> | undefined): GateResult {
  const result = (passed: boolean, reason: string): GateResult => ({
    gate,
    value,
    production: production?.[gate.metric],
    passed,
    reason,
  });
  if (value === undefined) return result(false, `${gate.metric} was not reported`);
  if (typeof value !== 'number') return result(false, `${gate.metric} is ${value}`);
  if (gate.min !== undefined && value < gate.min)
    return result(false, `${gate.metric} ${show(value)} is below ${gate.min}`);
  if (gate.max !== undefined && value > gate.max)
    return result(false, `${gate.metric} ${show(value)} is above ${gate.max}`);
  if (gate.notWorseThan && production) {
    const theirs = production[gate.metric];
    if (typeof theirs !== 'number') return result(false, `production has no ${gate.metric} to compare with`);
    const worse = gate.goal === 'minimize' ? value - theirs : theirs - value;
    const allowed = gate.by ?? 0;
    const text = `${gate.metric} ${show(value)} against production's ${show(theirs)}`;
    return worse > allowed ? result(false, `${text} is worse by more than ${allowed}`) : result(true, text);
  }
  if (gate.notWorseThan) return result(true, `${gate.metric} ${show(value)}; nothing is in production yet`);
  return result(true, `${gate.metric} ${show(value)}`);
}

function show(value: number): string {
  return String(Number(value.toPrecision(6)));
}
