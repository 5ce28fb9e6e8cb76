import type { ProtocolRange } from '../../server/protocol/discovery.ts';

/** Compares two versions by the rules of Semantic Versioning 2.0.0 (§ 11): negative if `a` is older. Build metadata does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  for (let i = 0; i < 3; i++) {
    const difference = (left.numbers[i] ?? 0) - (right.numbers[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let i = 0; i < Math.max(left.pre.length, right.pre.length); i++) {
    const difference = compareIdentifiers(left.pre[i], right.pre[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * What a client does with a control plane that it found running: talk to it, have it hand over to the client's own
 * newer one, or tell the person that the client is too old for it.
 */
export function judgeServer(
  server: { version: string; protocol: ProtocolRange },
  own: { version: string; protocol: ProtocolRange },
): 'use' | 'handOver' | 'clientTooOld' {
  if (compareVersions(server.version, own.version) < 0) return 'handOver';
  const overlaps = server.protocol.min <= own.protocol.max && own.protocol.min <= server.protocol.max;
  return overlaps ? 'use' : 'clientTooOld';
}

function split(version: string): { numbers: number[]; pre: string[] } {
  const [core = '', ...pre] = version.replace(/^v/, '').replace(/\+.*$/, '').split('-');
  return { numbers: core.split('.').map(Number), pre: pre.length > 0 ? pre.join('-').split('.') : [] };
}

/** Numbers before words, numbers by size, words by code unit; fewer identifiers before more. */
function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return Number(a) - Number(b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
