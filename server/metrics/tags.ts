import { emptyColumns, type ScalarColumns } from './columns.ts';

/** One tag of one run, as the decoder knows it. */
export interface Tag {
  readonly name: string;
  /** The name's bytes as they stand in the file: so many, in a memory shared with other names. */
  readonly memory: DataView;
  readonly start: number;
  readonly length: number;
  /** Points not yet taken from the decoder. */
  points: ScalarColumns;
  /** The plugin named by the tag's first metadata (`scalars`, `histograms`, …); empty until it is seen. */
  plugin: string;
  /** The tag that came after this one last time: writers go through their tags in the same order at every step. */
  likelyNext: Tag | undefined;
}

/** The tags of one run, found by the bytes of their names: no string is made for a name seen before. */
export class TagTable {
  private readonly byHash = new Map<number, Tag | Tag[]>();
  /** Where the next names go: a log may have a million of them. */
  private memory = new DataView(new ArrayBuffer(0));
  private used = 0;
  private readonly byName = new Map<string, Tag>();
  private last: Tag | undefined;

  /** The tag whose name is `bytes[start, end)`; made when it is new. */
  find(bytes: DataView, start: number, end: number): Tag {
    const guess = this.last?.likelyNext;
    if (guess !== undefined && isEqual(guess, bytes, start, end)) {
      this.last = guess;
      return guess;
    }
    const tag = this.search(bytes, start, end);
    if (this.last !== undefined) this.last.likelyNext = tag;
    this.last = tag;
    return tag;
  }

  /** The tag of that name, made when it is new. */
  named(name: string): Tag {
    const { buffer, byteOffset, length } = Buffer.from(name);
    return this.find(new DataView(buffer, byteOffset, length), 0, length);
  }

  /** All tags in order of first appearance. */
  all(): Iterable<Tag> {
    return this.byName.values();
  }

  private search(bytes: DataView, start: number, end: number): Tag {
    const hash = fnv1a(bytes, start, end);
    const known = this.byHash.get(hash);
    const bucket = known === undefined ? [] : Array.isArray(known) ? known : [known];
    for (const tag of bucket) if (isEqual(tag, bytes, start, end)) return tag;
    const own = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    const name = decoder.decode(own);
    // Names that are not valid UTF-8 can decode to the same string: they are then one tag.
    const tag = this.byName.get(name) ?? {
      name,
      ...this.keep(own),
      points: emptyColumns(),
      plugin: '',
      likelyNext: undefined,
    };
    this.byName.set(name, tag);
    this.byHash.set(hash, bucket.length === 0 ? tag : [...bucket, tag]);
    return tag;
  }

  /** Copies a name's bytes to where they stay. */
  private keep(own: Uint8Array): Pick<Tag, 'memory' | 'start' | 'length'> {
    if (this.used + own.length > this.memory.byteLength) {
      this.memory = new DataView(new ArrayBuffer(Math.max(NAME_MEMORY_BYTES, own.length)));
      this.used = 0;
    }
    const { memory, used: start } = this;
    new Uint8Array(memory.buffer).set(own, start);
    this.used += own.length;
    return { memory, start, length: own.length };
  }
}

const NAME_MEMORY_BYTES = 1 << 14;
const decoder = new TextDecoder();

function isEqual(name: Tag, bytes: DataView, start: number, end: number): boolean {
  const { length, memory, start: own } = name;
  if (length !== end - start) return false;
  let at = 0;
  for (; at <= length - 4; at += 4) if (memory.getInt32(own + at) !== bytes.getInt32(start + at)) return false;
  for (; at < length; at++) if (memory.getUint8(own + at) !== bytes.getUint8(start + at)) return false;
  return true;
}

/** FNV-1a, 32 bits: draft-eastlake-fnv. */
function fnv1a(bytes: DataView, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes.getUint8(i), 0x01000193);
  return hash;
}
