import type { PolicyName } from '../../../protocol/policyFile.ts';
import type { TypicalNeed } from '../state.ts';
import { bestfit } from './bestfit.ts';
import { fgd } from './fgd.ts';
import { packing } from './packing.ts';
import type { Policy } from './policy.ts';
import { random } from './random.ts';
import { spread } from './spread.ts';

const gradients = new WeakMap<readonly TypicalNeed[], Policy>();

/** The policy of a name; the same object for the same typical needs. */
export function policyOf(name: PolicyName, typical: readonly TypicalNeed[]): Policy {
  if (name !== 'fgd') return { bestfit, packing, random, spread }[name];
  let policy = gradients.get(typical);
  if (!policy) {
    policy = fgd(typical);
    gradients.set(typical, policy);
  }
  return policy;
}
