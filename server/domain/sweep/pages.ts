/**
 * A list of plain JSON in pages of fixed size: changing or adding one item copies a page and the list of pages, not
 * the whole list, so that a sweep of 20,000 trials stays cheap although its states are immutable.
 */
export type Pages<T> = readonly (readonly T[])[];

const PAGE_SIZE = 128;

export function pagesOf<T>(items: Iterable<T>): Pages<T> {
  const pages: T[][] = [];
  for (const item of items) {
    if (pages.length === 0 || pages.at(-1)!.length === PAGE_SIZE) pages.push([]);
    pages.at(-1)!.push(item);
  }
  return pages;
}

export function countItems<T>(pages: Pages<T>): number {
  return pages.length === 0 ? 0 : (pages.length - 1) * PAGE_SIZE + pages.at(-1)!.length;
}

export function itemAt<T>(pages: Pages<T>, index: number): T | undefined {
  return pages[Math.floor(index / PAGE_SIZE)]?.[index % PAGE_SIZE];
}

export function withItem<T>(pages: Pages<T>, index: number, item: T): Pages<T> {
  const page = Math.floor(index / PAGE_SIZE);
  return pages.with(page, pages[page]!.with(index % PAGE_SIZE, item));
}

export function append<T>(pages: Pages<T>, item: T): Pages<T> {
  const last = pages.at(-1);
  if (!last || last.length === PAGE_SIZE) return [...pages, [item]];
  return pages.with(pages.length - 1, [...last, item]);
}

export function* eachItem<T>(pages: Pages<T>): Generator<T> {
  for (const page of pages) yield* page;
}
