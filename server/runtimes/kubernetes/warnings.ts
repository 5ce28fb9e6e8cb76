/** The latest warnings about each object, as Kubernetes' events tell them; few are kept, the oldest objects go first. */
import type { WarningEvent } from './objects.ts';
import type { Warning } from './waiting.ts';

const keptOfOne = 5;
const keptObjects = 5000;

export class Warnings {
  readonly #ofObject = new Map<string, Warning[]>();

  add({ involvedObject, reason, message }: WarningEvent): void {
    const { name } = involvedObject;
    const known = (this.#ofObject.get(name) ?? []).filter((one) => one.message !== message);
    this.#ofObject.delete(name); // to the end of the order
    this.#ofObject.set(name, [...known, { reason, message }].slice(-keptOfOne));
    const [oldest] = this.#ofObject.keys();
    if (this.#ofObject.size > keptObjects && oldest !== undefined) this.#ofObject.delete(oldest);
  }

  of(name: string): Warning[] {
    return this.#ofObject.get(name) ?? [];
  }
}
