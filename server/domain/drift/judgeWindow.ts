/** The judgement of a window of requests: drifted, steady, or too little to say. */
import { type Comparison, compareFeature, type DriftTest } from './compare.ts';
import type { ReferenceFeature, Value } from './reference.ts';

export interface DriftRules {
  test: DriftTest;
  /** The effect from which on a feature has drifted; its scale is that of the test. */
  threshold: number;
  /**
   * How many of 1 windows without drift may raise an alarm, at most; all features and aspects share it by Holm's
   * step-down procedure (Scand. J. Stat. 6, 1979), which supposes nothing about how they depend on each other.
   */
  falseAlarmRate: number;
  /** A window with fewer rows is not judged. */
  minRows: number;
}

export const DEFAULT_FALSE_ALARM_RATE = 0.001;
export const DEFAULT_MIN_ROWS = 100;

export interface WindowJudgement {
  verdict: 'drifted' | 'steady' | 'inconclusive';
  /** One sentence for people. */
  reason: string;
  rows: number;
  rules: DriftRules;
  /** By descending effect relative to its threshold. */
  comparisons: (Comparison & { isDrifted: boolean })[];
}

/**
 * Compares a window with the reference.
 * @param columns the window's values by feature name, all of one length; a feature without a column is not judged
 */
export function judgeWindow(
  reference: readonly ReferenceFeature[],
  columns: Readonly<Record<string, readonly Value[]>>,
  rules: DriftRules,
): WindowJudgement {
  const rows = Math.max(0, ...Object.values(columns).map((column) => column.length));
  if (rows < rules.minRows) {
    const reason = `${rows} of at least ${rules.minRows} requests were sampled in this window.`;
    return { verdict: 'inconclusive', reason, rows, rules, comparisons: [] };
  }
  const all = reference.flatMap((feature) => {
    const column = columns[feature.name];
    return column === undefined ? [] : compareFeature(feature, column, rules.test, rules.threshold);
  });
  const significant = rejected(all, rules.falseAlarmRate);
  const comparisons = all
    .map((one) => ({ ...one, isDrifted: significant.has(one) && one.effect >= one.threshold }))
    .sort((a, b) => Number(b.isDrifted) - Number(a.isDrifted) || b.effect / b.threshold - a.effect / a.threshold);
  const drifted = comparisons.filter(({ isDrifted }) => isDrifted);
  if (drifted.length === 0) {
    const far = comparisons[0];
    const reason = far ? `No drift in ${rows} requests; the farthest is ${sentenceOf(far)}.` : 'Nothing to compare.';
    return { verdict: 'steady', reason, rows, rules, comparisons };
  }
  const features = new Set(drifted.map(({ feature }) => feature)).size;
  const more = features > 1 ? ` and ${features - 1} more feature${features > 2 ? 's' : ''}` : '';
  return { verdict: 'drifted', reason: `${sentenceOf(drifted[0]!)}${more}.`, rows, rules, comparisons };
}

/** Holm: the smallest p-value is held against rate/n, the next against rate/(n-1), and so on until one is too large. */
function rejected(all: readonly Comparison[], rate: number): Set<Comparison> {
  const significant = new Set<Comparison>();
  const ascending = all.toSorted((a, b) => a.p - b.p);
  for (const [index, one] of ascending.entries()) {
    if (one.p > rate / (all.length - index)) break;
    significant.add(one);
  }
  return significant;
}

const NAMES: Record<Comparison['test'], string> = {
  psi: 'PSI',
  ks: 'Kolmogorov–Smirnov distance',
  chi2: 'Cramér’s V',
  js: 'Jensen–Shannon distance',
  share: 'share',
};

function sentenceOf({ feature, aspect, test, effect, threshold, examples }: Comparison): string {
  const percent = (share: number) => `${(100 * share).toPrecision(2)} %`;
  if (aspect === 'missing')
    return `${feature}: ${percent(effect)} more values are missing (limit ${percent(threshold)})`;
  if (aspect === 'newCategories') {
    const such = examples && examples.length > 0 ? ` such as ${examples.map((name) => `"${name}"`).join(', ')}` : '';
    return `${feature}: ${percent(effect)} are categories that training did not have${such}`;
  }
  return `${feature}: ${NAMES[test]} ${effect.toPrecision(2)} (limit ${threshold})`;
}
