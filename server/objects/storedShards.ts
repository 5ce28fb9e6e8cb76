import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { FileTable } from './fileTable.ts';
import { type IndexFacts, isRacilyClean } from './statIndex.ts';
import { isStored } from './storeFile.ts';

type ShardFacts = NonNullable<IndexFacts['shards']>;

/**
 * Tells whether a store still holds a dataset's objects. A folder of the store (`files/md5/ab`) whose ctime is the one
 * it had when every object in it was seen has lost none since: 256 look-ups instead of one for each object. What was
 * written over an object in place is `verify`'s to find.
 */
export class StoredShards {
  readonly #store: string;
  readonly #before: ShardFacts | null;
  readonly #isAsBefore = new Map<number, boolean>();

  constructor(store: string, before: ShardFacts | null) {
    this.#store = store;
    this.#before = before?.store === store ? before : null;
  }

  /** Whether the object of a row that was there at the last add is there. */
  holds(files: FileTable, row: number): boolean {
    const shard = files.shard(row);
    let isAsBefore = this.#isAsBefore.get(shard);
    if (isAsBefore === undefined) {
      const ctimeMs = this.#before?.ctimeMs[shardName(shard)];
      isAsBefore =
        ctimeMs !== undefined &&
        ctimeMs === this.#ctimeMs(shard) &&
        !isRacilyClean({ mtimeMs: 0, ctimeMs }, this.#before!.checkedAtMs);
      this.#isAsBefore.set(shard, isAsBefore);
    }
    return isAsBefore || isStored(this.#store, files.md5(row), files.bytes(row));
  }

  /** What to remember, once every object of the files is in the store. */
  facts(files: FileTable): ShardFacts {
    const isUsed = new Uint8Array(256);
    for (let row = 0; row < files.count; row++) isUsed[files.shard(row)] = 1;
    const used = [...isUsed.keys()].filter((shard) => isUsed[shard] === 1);
    if (this.#before !== null && used.every((shard) => this.#isAsBefore.get(shard) === true)) return this.#before;
    const checkedAtMs = Date.now();
    const ctimeMs = Object.fromEntries(used.map((shard) => [shardName(shard), this.#ctimeMs(shard) ?? 0]));
    return { store: this.#store, checkedAtMs, ctimeMs };
  }

  #ctimeMs(shard: number): number | undefined {
    return statSync(join(this.#store, 'files', 'md5', shardName(shard)), { throwIfNoEntry: false })?.ctimeMs;
  }
}

function shardName(shard: number): string {
  return shard.toString(16).padStart(2, '0');
}
