// Content-addressed bytes behind one interface, in DVC 3's layout: `ROOT/files/md5/ab/cdef…`, a folder's manifest
// under its digest with `.dir`. Touches files and nothing of the domain: what a manifest says is the caller's to know.
// Called by the engine; `addFolder` does its work in threads of its own, so that nothing here blocks the caller.
export {
  type AddedFile,
  type AddProgress,
  type AddRequest,
  type AddResult,
  addedFiles,
  addFolder,
} from './addFolder.ts';
export type { Summarize } from './addJob.ts';
export { addAlternate } from './alternates.ts';
export { type CheckoutRequest, checkout } from './checkout.ts';
export { type DvcOutput, type DvcRepository, findDvcRepository, writeDvcFile } from './dvc.ts';
export { FileStore } from './fileStore.ts';
export { FileTable } from './fileTable.ts';
export { isDigest, objectPath } from './layout.ts';
export { materialize, removeMaterialized } from './materialize.ts';
export type { ObjectState, ObjectStore, StoredObject } from './objectStore.ts';
export { openRemote } from './openRemote.ts';
export type { Remote } from './remote.ts';
export { readS3Access, type S3Access } from './s3Access.ts';
export { serveAdd } from './serveAdd.ts';
export {
  digestsOf,
  pullObjects,
  pushObjects,
  type RemoteFault,
  readRemote,
  type TransferProgress,
  verifyRemote,
} from './transfer.ts';
export { type ObjectProblem, verifyObjects } from './verify.ts';
export type { CheckoutEntry } from './writeFiles.ts';
