/** Keeps secrets out of what a program prints: each of their values becomes `***`, also where it comes in pieces. */

const replacement = Buffer.from('***');

export interface Mask {
  /** @returns what may be shown by now; the rest waits, as it may be the beginning of a secret */
  write(bytes: Uint8Array): Buffer;
  /** @returns what still waited: it was none */
  end(): Buffer;
}

/** @param secrets values; where several fit, the one that begins first, and of those the longest */
export function createMask(secrets: readonly string[]): Mask {
  const values = [...new Set(secrets.flatMap(formsOf))]
    .filter((value) => value !== '')
    .map((value) => Buffer.from(value))
    .sort((a, b) => b.length - a.length);
  let waiting: Buffer = Buffer.alloc(0);

  const show = (bytes: Buffer, isEnd: boolean): Buffer => {
    const shown: Buffer[] = [];
    let rest = bytes;
    for (;;) {
      const open = isEnd ? rest.length : firstOpen(rest, values);
      const match = firstMatch(rest, values);
      if (!match || open <= match.at) {
        waiting = rest.subarray(open);
        return Buffer.concat([...shown, rest.subarray(0, open)]);
      }
      shown.push(rest.subarray(0, match.at), replacement);
      rest = rest.subarray(match.at + match.length);
    }
  };
  return {
    write: (bytes) => show(Buffer.concat([waiting, bytes]), false),
    end: () => show(waiting, true),
  };
}

/** A line of a key that is this long is a secret by itself: programs print such line by line, indented or numbered. */
const LONG_LINE = 8;

function formsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  return [secret, secret.trim(), ...lines.filter((line) => line.length >= LONG_LINE)];
}

function firstMatch(bytes: Buffer, values: readonly Buffer[]): { at: number; length: number } | undefined {
  let first: { at: number; length: number } | undefined;
  for (const value of values) {
    const at = bytes.indexOf(value);
    if (at >= 0 && (!first || at < first.at)) first = { at, length: value.length };
  }
  return first;
}

/** Where the longest end begins that is not a secret yet and may become one. */
function firstOpen(bytes: Buffer, values: readonly Buffer[]): number {
  for (let at = Math.max(0, bytes.length - (values[0]?.length ?? 1) + 1); at < bytes.length; at++) {
    const end = bytes.subarray(at);
    if (values.some((value) => value.length > end.length && value.subarray(0, end.length).equals(end))) return at;
  }
  return bytes.length;
}
