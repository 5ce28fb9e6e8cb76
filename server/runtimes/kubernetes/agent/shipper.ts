/** Brings a growing log into the object store, part by part. */
import { watch } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Artifacts } from '../artifacts.ts';

const partBytes = 8 << 20;
/** Small parts are not sent more often than this. */
const spacingMs = 1000;

export class LogShipper {
  readonly #id: string;
  readonly #path: string;
  readonly #artifacts: Artifacts | undefined;
  #shipped = -1;

  constructor(id: string, path: string, artifacts: Artifacts | undefined) {
    this.#id = id;
    this.#path = path;
    this.#artifacts = artifacts;
  }

  /** Ships what is written until the work is over. A store that does not answer is tried again. */
  async follow(isOver: Promise<void>): Promise<void> {
    const over = isOver.then(() => 'over' as const);
    let wake = () => {};
    const watcher = watch(this.#path, () => wake());
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        await this.#shipRest().catch((error: Error) => console.error(`log not shipped yet: ${error.message}`));
        if ((await Promise.race([over, changed])) === 'over') return;
        if ((await Promise.race([over, delay(spacingMs)])) === 'over') return;
      }
    } finally {
      watcher.close();
    }
  }

  /** The last part; tried until the kubelet's patience ends. */
  async finish(): Promise<void> {
    for (;;) {
      try {
        await this.#shipRest();
        return;
      } catch (error) {
        console.error(`end of the log not shipped yet: ${(error as Error).message}`);
        await delay(spacingMs);
      }
    }
  }

  async #shipRest(): Promise<void> {
    if (!this.#artifacts) return;
    if (this.#shipped < 0) {
      const last = (await this.#artifacts.logParts(this.#id)).at(-1);
      this.#shipped = last ? last.offset + last.bytes : 0;
    }
    const file = await open(this.#path);
    try {
      const buffer = Buffer.alloc(partBytes);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, partBytes, this.#shipped);
        if (bytesRead === 0) return;
        await this.#artifacts.putLogPart(this.#id, this.#shipped, buffer.subarray(0, bytesRead));
        this.#shipped += bytesRead;
      }
    } finally {
      await file.close();
    }
  }
}
