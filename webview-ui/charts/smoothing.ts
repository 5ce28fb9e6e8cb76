/**
 * Exponential moving average without the bias towards zero at its beginning, as TensorBoard smooths its curves
 * (tensorboard/components/vz_line_chart2/line-chart.ts, `resmoothDataset`; the correction is Adam's, Kingma & Ba 2015,
 * section 3). Points that are not finite stay as they are and take no part.
 *
 * @param weight of what came before, from 0 (no smoothing) to below 1
 */
export function smooth(values: ArrayLike<number>, weight: number): Float64Array {
  const smoothed = Float64Array.from(values);
  if (weight <= 0) return smoothed;
  let average = 0;
  let correction = 1;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    average = average * weight + (1 - weight) * value;
    correction *= weight;
    smoothed[i] = average / (1 - correction);
  }
  return smoothed;
}
