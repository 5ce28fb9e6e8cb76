import type { PageRoute } from '../../../server/protocol/pages.ts';

/** The page of a model version that is named `NAME@vN`; another name leads home. */
export function modelVersionRoute(id: string): PageRoute {
  const [, name, version] = /^(.+)@v(\d+)$/.exec(id) ?? [];
  return name === undefined ? { page: 'home' } : { page: 'modelVersion', name, version: Number(version) };
}
