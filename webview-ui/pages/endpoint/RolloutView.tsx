// A rollout as its steps, each with the evidence that let it pass, fail or wait.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import { Section } from '../../components/layout.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Duration, ReceiptLink, RelativeTime } from '../../components/text.tsx';
import { count, m, milliseconds, percent } from '../../i18n/index.ts';

type Rollout = EntityOf<'rollouts'>;
type Step = Rollout['steps'][number];

export function RolloutView({ rollout, isCurrent }: { rollout: Rollout; isCurrent: boolean }) {
  const note = (
    <>
      {m.fromTo(rollout.from ?? '–', rollout.to)} · {m.rolloutStatus[rollout.status]} ·{' '}
      <RelativeTime at={rollout.endedAt ?? rollout.createdAt} />
    </>
  );
  return (
    <Section title={isCurrent ? m.rollout : m.lastRollout} note={note}>
      {rollout.reason && !isOfStep(rollout) && <p class="rollout-reason">{rollout.reason}</p>}
      <ol class="steps">
        {rollout.steps.map((step) => (
          <StepRow key={step.weight} step={step} rollout={rollout} />
        ))}
      </ol>
      {rollout.receipt && <ReceiptLink id={rollout.receipt} />}
    </Section>
  );
}

function StepRow({ step, rollout }: { step: Step; rollout: Rollout }) {
  const { analysis } = rollout;
  return (
    <li class={`step step-${step.status}`} aria-current={step.status === 'running' ? 'step' : undefined}>
      <StatusIcon status={step.status} />
      <span class="step-weight number">{m.percentOf(count(step.weight))}</span>
      <span class="step-state">{m.stepStatus[step.status]}</span>
      <Evidence
        label={m.requests}
        text={
          step.requests === undefined ? undefined : m.ofNeeded(count(step.requests), step.needed && count(step.needed))
        }
        share={step.requests !== undefined && step.needed ? step.requests / step.needed : undefined}
      />
      <Evidence
        label={m.errorRate}
        text={step.errorRate == null ? undefined : percent(step.errorRate)}
        limit={analysis.maxErrorRate === undefined ? undefined : m.atMost(percent(analysis.maxErrorRate))}
      />
      <Evidence
        label={m.p95}
        text={step.p95Ms == null ? undefined : milliseconds(step.p95Ms)}
        limit={latencyNote(step)}
      />
      <span class="step-reason">{step.reason}</span>
      <span class="step-end quiet">
        {step.startedAt !== undefined && <Duration from={step.startedAt} to={endOf(step, rollout)} />}
        {step.receipt && <ReceiptLink id={step.receipt} />}
      </span>
      {step.quality && (
        <span class="step-quality">
          <QualityEvidence quality={step.quality} rollout={rollout} />
        </span>
      )}
    </li>
  );
}

/** The bounds of the p95, and the stable revision's beside it. */
function latencyNote({ p95IntervalMs, stableP95Ms }: Step): string | undefined {
  const [lower, upper] = p95IntervalMs ?? [];
  const bounds = lower == null || upper == null ? undefined : `${milliseconds(lower)}–${milliseconds(upper)}`;
  const stable = stableP95Ms == null ? undefined : m.stableP95(milliseconds(stableP95Ms));
  return [bounds && `(${bounds})`, stable].filter(Boolean).join(' ') || undefined;
}

function QualityEvidence({ quality, rollout }: { quality: NonNullable<Step['quality']>; rollout: Rollout }) {
  const { labels, wrong, stableLabels, stableWrong } = quality;
  const { minLabels } = rollout.analysis;
  const text =
    labels < minLabels
      ? m.serving.qualityWaits(count(labels), count(minLabels))
      : m.serving.qualityOf(percent(1 - wrong / labels), count(labels));
  const stable = stableLabels > 0 ? m.serving.qualityStable(percent(1 - stableWrong / stableLabels)) : undefined;
  return <Evidence label={m.serving.labels} text={text} limit={stable} share={labels / Math.max(minLabels, 1)} />;
}

interface EvidenceProps {
  label: string;
  text: string | undefined;
  limit?: string;
  /** How much of what is needed has come, up to 1. */
  share?: number;
}

function Evidence({ label, text, limit, share }: EvidenceProps) {
  return (
    <span class="evidence">
      <span class="quiet">{label}</span>
      <span class="number">{text ?? '–'}</span>
      {limit && text && <span class="quiet number">{limit}</span>}
      {share !== undefined && share < 1 && <Share of={share} />}
    </span>
  );
}

/** A thin bar under the numbers that say the same. */
function Share({ of }: { of: number }) {
  return (
    <span class="share" aria-hidden="true">
      <span style={{ width: `${of * 100}%` }} />
    </span>
  );
}

/** Whether the rollout's reason stands at one of its steps already. */
function isOfStep({ steps, reason }: Rollout): boolean {
  return steps.some((step) => step.reason === reason);
}

function endOf(step: Step, rollout: Rollout): number | undefined {
  return step.endedAt ?? rollout.endedAt;
}
