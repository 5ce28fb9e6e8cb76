// Shows what another process appends to a file.

import { closeSync, openSync, readSync, unwatchFile, watchFile } from 'node:fs';

/** Calls `show` with all text that the file has and gets. Returns a function that shows the rest and stops. */
export function followFile(file: string, show: (text: string) => void): () => void {
  const descriptor = openSync(file, 'r');
  const buffer = Buffer.alloc(65536);
  const decoder = new TextDecoder();
  const read = () => {
    for (let bytes = readSync(descriptor, buffer); bytes > 0; bytes = readSync(descriptor, buffer)) {
      show(decoder.decode(buffer.subarray(0, bytes), { stream: true }));
    }
  };
  watchFile(file, { interval: 200 }, read);
  return () => {
    unwatchFile(file, read);
    read();
    closeSync(descriptor);
  };
}
