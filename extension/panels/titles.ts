import type { PageRoute } from '../../server/protocol/pages.ts';

export interface TitledPage {
  route: PageRoute;
  title: string;
}

/**
 * The titles of tabs: pages that have one in common are told apart as an editor tells files of one name apart, here by
 * the end of their id, which stands in the tooltip of their row too.
 * @returns as many as there are pages, in their order
 */
export function tabTitles(pages: readonly TitledPage[]): string[] {
  return pages.map((page) => {
    const isAlone = pages.every((other) => other === page || other.title !== page.title);
    const mark = markOf(page.route);
    return isAlone || mark === '' ? page.title : `${page.title} · ${mark}`;
  });
}

const markLength = 4;

function markOf(route: PageRoute): string {
  switch (route.page) {
    case 'run':
    case 'sweep':
    case 'receipt':
      return route.id.slice(-markLength);
    case 'tensorboard':
      return route.runs.length === 1 ? route.runs[0]!.slice(-markLength) : '';
    default:
      return '';
  }
}
