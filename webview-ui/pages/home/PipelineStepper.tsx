// A pipeline as its steps from left to right; each leads to what it made.
import type { EntityOf } from '../../../server/protocol/entities.ts';
import type { PageRoute } from '../../../server/protocol/pages.ts';
import { Icon } from '../../components/Icon.tsx';
import { StatusIcon } from '../../components/Status.tsx';
import { Duration, RelativeTime, RouteLink } from '../../components/text.tsx';
import { m } from '../../i18n/index.ts';

type Pipeline = EntityOf<'pipelines'>;
type Step = Pipeline['steps'][number];

export function PipelineStepper({ pipeline }: { pipeline: Pipeline }) {
  return (
    <div class="pipeline">
      <p class="pipeline-head">
        <StatusIcon status={pipeline.status} />
        <strong>{pipeline.project}</strong>
        <span>{m.pipelineStatus[pipeline.status]}</span>
        {pipeline.reason && <span class="quiet">{pipeline.reason}</span>}
        <span class="quiet">
          <Duration from={pipeline.createdAt} to={pipeline.endedAt} /> · <RelativeTime at={pipeline.createdAt} />
        </span>
        <RouteLink to={{ page: 'receipts', project: pipeline.project }} title={m.receipts}>
          <Icon name="receipt" /> {m.receipts}
        </RouteLink>
      </p>
      <ol class="stepper">
        {pipeline.steps.map((step) => (
          <li
            key={step.id}
            class={`stepper-${step.status}`}
            aria-current={step.status === 'running' ? 'step' : undefined}
          >
            <span class="stepper-name">
              <StatusIcon status={step.status} />
              <StepName step={step} project={pipeline.project} />
            </span>
            <span class="stepper-detail" title={step.detail}>
              {step.detail || m.pipelineStepStatus[step.status]}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function StepName({ step, project }: { step: Step; project: string }) {
  const route = routeOf(step, project);
  const name = nameOf(step.id);
  if (!route) return <span>{name}</span>;
  return (
    <RouteLink to={route} title={name}>
      {name}
    </RouteLink>
  );
}

/** `stage:preprocess` → preprocess; `train#2` keeps its round. */
function nameOf(id: string): string {
  const [step = '', round] = id.split('#');
  const known = m.pipelineSteps as Record<string, string>;
  const name = known[step] ?? step.replace(/^stage:/, '');
  return round ? `${name} ${round}` : name;
}

/** Where a step leads: to the run or sweep it started, else to the receipts of what it made. */
function routeOf({ id, subject }: Step, project: string): PageRoute | undefined {
  if (!subject) return undefined;
  const step = id.split('#')[0]!;
  if (step === 'train' || step.startsWith('stage:')) return { page: 'run', id: subject };
  if (step === 'sweep') return { page: 'sweep', id: subject };
  if (step === 'dataset' || step === 'split') return { page: 'receipts', project, subject: `dataset:${subject}` };
  if (step === 'model') return { page: 'receipts', project, subject: `model:${subject}` };
  return { page: 'receipts', project };
}
