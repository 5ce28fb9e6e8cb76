/** The scheme of the read-only file system over everything that Slipway keeps. */
export const scheme = 'slipway';

/** `/datasets/NAME/vN/path/of/file`, taken apart; levels above a version have no version. */
export interface DatasetPath {
  name?: string;
  version?: number;
  /** Path within the version; empty for its root. */
  path: string;
}

/** The path of a dataset file's URI. */
export function datasetFilePath(name: string, version: number, path: string): string {
  return `/datasets/${name}/v${version}/${path}`;
}

/** The inverse of {@link datasetFilePath}; undefined for what is no path of the file system. */
export function parseDatasetPath(uriPath: string): DatasetPath | undefined {
  const [root, name, version, ...rest] = uriPath.split('/').filter((part, index) => index > 0 || part !== '');
  if (root === undefined || root === '') return { path: '' };
  if (root !== 'datasets') return undefined;
  if (!name) return { path: '' };
  if (!version) return { name, path: '' };
  const number = /^v([1-9]\d{0,8})$/.exec(version)?.[1];
  return number === undefined ? undefined : { name, version: Number(number), path: rest.join('/').replace(/\/$/, '') };
}
