import * as z from 'zod';

const durationUnitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const byteUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A span of time such as `60s`, `1.5h`, `30d`; parsed to milliseconds. */
export const DurationMs = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'A duration is a number with a unit: 500ms, 60s, 5m, 24h or 30d.')
  .transform((text) => {
    const [, amount, , unit] = /^(\d+(\.\d+)?)(ms|s|m|h|d)$/.exec(text)!;
    return Math.round(Number(amount) * durationUnitMs[unit!]!);
  });

/** An amount of memory or disk in Kubernetes' notation, such as `2Gi` or `500M`; parsed to bytes. */
export const Bytes = z.union([
  z.number().int().positive(),
  z
    .string()
    .regex(/^\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$/, 'An amount of memory is a number with a unit: 512Mi, 2Gi or 4G.')
    .transform((text) => {
      const [, amount, , unit] = /^(\d+(\.\d+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text)!;
      return Math.round(Number(amount) * byteUnits[unit ?? '']!);
    }),
]);
