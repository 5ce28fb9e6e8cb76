import * as vscode from 'vscode';
import type { SlipwayError } from '../../server/protocol/errors.ts';
import type { Connection } from '../client/connection.ts';
import { datasetFilePath, parseDatasetPath, scheme } from './address.ts';
import type { DatasetFiles } from './datasetFiles.ts';

/** The URI of a file of a dataset version. */
export function datasetFileUri(name: string, version: number, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme, path: datasetFilePath(name, version, path) });
}

/** What the file system reads from. */
export interface FileSource {
  files: DatasetFiles;
  connection: Connection;
}

/** `slipway:/datasets/NAME/vN/…`: every file of every dataset version, to read, compare and search, never to write. */
export class DatasetFileSystem implements vscode.FileSystemProvider {
  private readonly source: () => Promise<FileSource>;
  // What a version holds never changes, so this never fires.
  readonly onDidChangeFile = new vscode.EventEmitter<vscode.FileChangeEvent[]>().event;

  /** @param source is asked when the first file is */
  constructor(source: () => Promise<FileSource>) {
    this.source = source;
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { name, version, path } = this.parse(uri);
    const folder = { type: vscode.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    if (name === undefined || version === undefined || path === '') return folder;
    const { files } = await this.source();
    const found = await files.find(name, version, path);
    if (found === undefined) throw vscode.FileSystemError.FileNotFound(uri);
    if (found === 'folder') return folder;
    return { ...folder, type: vscode.FileType.File, size: found.bytes, permissions: vscode.FilePermission.Readonly };
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    const { name, version, path } = this.parse(uri);
    const { connection, files: contents } = await this.source();
    const asFolder = (entry: string): [string, vscode.FileType] => [entry, vscode.FileType.Directory];
    if (name === undefined) {
      if (uri.path === '/') return [asFolder('datasets')];
      const api = await connection.use();
      return (await api.call('listDatasets', { query: { limit: 1000 } })).items.map((dataset) =>
        asFolder(dataset.name),
      );
    }
    if (version === undefined) {
      const api = await connection.use();
      const { items } = await api.call('listDatasetVersions', { params: { name }, query: { limit: 1000 } });
      return items.map((item) => asFolder(`v${item.version}`));
    }
    const folder = path === '' ? '' : `${path}/`;
    const { folders, files } = await contents.list(name, version, folder);
    return [
      ...folders.map(asFolder),
      ...files.map((file): [string, vscode.FileType] => [file.path.slice(folder.length), vscode.FileType.File]),
    ];
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const { name, version, path } = this.parse(uri);
    if (name === undefined || version === undefined || path === '') throw vscode.FileSystemError.FileIsADirectory(uri);
    const { files } = await this.source();
    return files.read(name, version, path).catch((error: unknown) => {
      // By its status, not its class: the error comes from the container's bundle, which has classes of its own.
      if ((error as Partial<SlipwayError>).status === 404) throw vscode.FileSystemError.FileNotFound(uri);
      throw error;
    });
  }

  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  private parse(uri: vscode.Uri) {
    const parsed = parseDatasetPath(uri.path);
    if (!parsed) throw vscode.FileSystemError.FileNotFound(uri);
    return parsed;
  }
}
