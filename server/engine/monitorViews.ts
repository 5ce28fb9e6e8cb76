/** What the API shows of the watch over an endpoint. */
import type { MonitorState } from '../domain/drift/monitor.ts';
import type { EndpointMonitor } from '../protocol/monitors.ts';
import type { View } from './engine.ts';
import { retrainingPipeline } from './retrain.ts';

/** The farthest features are shown, and what was predicted in any case; the receipt of an alarm has all. */
const SHOWN_FEATURES = 50;

export function monitorViews(state: MonitorState): View[] {
  const { endpoint, project, model, version, reference, isDrifting, alarms, last, proposal, retrainings } = state;
  const data: EndpointMonitor = {
    ...{ id: endpoint, endpoint, project, model, version, reference, isDrifting, alarms, proposal },
    retrainings: retrainings.map((one) => ({ ...one, pipeline: retrainingPipeline(one.id) })),
    window: last && {
      ...{ from: last.from, to: last.to, verdict: last.judgement.verdict, reason: last.judgement.reason },
      rows: last.judgement.rows,
      falseAlarmRate: last.judgement.rules.falseAlarmRate,
      features: last.judgement.comparisons.filter(
        ({ feature }, place) => place < SHOWN_FEATURES || /^prediction\b/.test(feature),
      ),
    },
  };
  return [{ topic: 'monitors', id: endpoint, project, data }];
}
