// Files of dataset versions: what the tree and the read-only file system show. Versions never change, so that what was
// listed once stays true. May use client/.
import type { Connection } from '../client/connection.ts';
import type { DatasetContents, FolderListing } from '../views/datasetRows.ts';

const pageSize = 1000;
/** A folder of more files than this is listed in part: nobody reads so long a list. */
const listedFiles = 20_000;
const keptListings = 200;

export interface DatasetFiles extends DatasetContents {
  /** Whether a path is a file (with its size) or a folder of a version; undefined if it is neither. */
  find(name: string, version: number, path: string): Promise<{ bytes: number } | 'folder' | undefined>;
  read(name: string, version: number, path: string): Promise<Uint8Array>;
}

export function createDatasetFiles(connection: Connection): DatasetFiles {
  const listings = new Map<string, Promise<FolderListing>>();

  async function page(name: string, version: number, query: { prefix: string; limit: number; cursor?: string }) {
    const api = await connection.use();
    return api.call('listDatasetFiles', { params: { name, version: `v${version}` }, query });
  }

  async function list(name: string, version: number, folder: string): Promise<FolderListing> {
    const folders = new Set<string>();
    const files: FolderListing['files'] = [];
    let cursor: string | undefined;
    let seen = 0;
    do {
      const answer = await page(name, version, { prefix: folder, limit: pageSize, ...(cursor ? { cursor } : {}) });
      for (const file of answer.items) {
        const [child = '', ...below] = file.path.slice(folder.length).split('/');
        if (below.length > 0) folders.add(child);
        else files.push({ path: file.path, bytes: file.bytes, side: file.side });
      }
      seen += answer.items.length;
      cursor = answer.next;
    } while (cursor !== undefined && seen < listedFiles);
    return { folders: [...folders], files, isCut: cursor !== undefined };
  }

  return {
    list(name, version, folder) {
      const key = `${name}/${version}/${folder}`;
      const kept = listings.get(key);
      if (kept) return kept;
      const listing = list(name, version, folder);
      listings.set(key, listing);
      listing.catch(() => listings.delete(key));
      if (listings.size > keptListings) listings.delete(listings.keys().next().value!);
      return listing;
    },
    async changes(name, version) {
      const api = await connection.use();
      return api.call('diffDatasetVersions', { params: { name, version: `v${version}` } });
    },
    async find(name, version, path) {
      // In path order a name comes before every longer one, so the first match is the file itself if it exists.
      const [file] = (await page(name, version, { prefix: path, limit: 1 })).items;
      if (file?.path === path) return { bytes: file.bytes };
      const below = await page(name, version, { prefix: path === '' ? '' : `${path}/`, limit: 1 });
      return below.items.length > 0 ? 'folder' : undefined;
    },
    async read(name, version, path) {
      const api = await connection.use();
      return api.bytes('readDatasetFile', { params: { name, version: `v${version}` }, query: { path } });
    },
  };
}
