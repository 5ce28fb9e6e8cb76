/** The stoppers by name. What a stopper is: stopper.ts; one file each beside it. */
import { type AshaOptions, ashaStopper, ashaWithDefaults } from './asha.ts';
import { type HyperbandOptions, hyperbandStopper } from './hyperband.ts';
import { type MedianOptions, medianDefaults, medianStopper } from './median.ts';
import { type PatienceOptions, patienceDefaults, patienceStopper } from './patience.ts';
import type { Stopper } from './stopper.ts';

export type StopperSpec =
  | ({ type: 'asha' } & Partial<AshaOptions>)
  | ({ type: 'hyperband' } & Partial<AshaOptions> & Pick<HyperbandOptions, 'maxResource'>)
  | ({ type: 'median' } & Partial<MedianOptions>)
  | ({ type: 'patience' } & Partial<PatienceOptions>);

export const stopperNames = [
  'asha',
  'hyperband',
  'median',
  'patience',
] as const satisfies readonly StopperSpec['type'][];

/** The stopper with its defaults filled in; its memory is JSON that only it reads. */
export function stopperOf(spec: StopperSpec): Stopper<unknown> {
  switch (spec.type) {
    case 'asha':
      return ashaStopper(ashaWithDefaults(spec));
    case 'hyperband':
      return hyperbandStopper({ reduction: 3, minResource: 1, ...spec });
    case 'median':
      return medianStopper({ ...medianDefaults, ...spec });
    case 'patience':
      return patienceStopper({ ...patienceDefaults, ...spec });
  }
}
