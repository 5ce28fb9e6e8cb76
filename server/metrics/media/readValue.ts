import { open } from 'node:fs/promises';
import { crc32c, maskCrc } from '../crc32c.ts';
import { MAX_RECORD_BYTES } from '../records.ts';
import {
  allBytesOf,
  bytesOf,
  type Message,
  messageOf,
  messagesOf,
  NotAMessage,
  parseMessage,
  textOf,
} from './message.ts';

/** A Summary.Value as it stands in an event file: its value field and its metadata. */
export interface StoredValue {
  message: Message;
  /** `plugin_data.content` of its metadata. */
  pluginContent: Buffer | undefined;
  displayName: string;
}

/**
 * Reads the value of a tag from the record that starts at a byte of an event file.
 * @returns undefined where the file no longer holds it (it was removed or replaced)
 */
export async function readValue(file: string, offset: number, tag: string): Promise<StoredValue | undefined> {
  let data: Buffer | undefined;
  try {
    await using handle = await open(file);
    const head = Buffer.alloc(12);
    const { bytesRead } = await handle.read(head, 0, 12, offset);
    const length = bytesRead === 12 ? Number(head.readBigUInt64LE()) : Number.POSITIVE_INFINITY;
    if (length > MAX_RECORD_BYTES) return undefined;
    const body = Buffer.alloc(length + 4);
    if ((await handle.read(body, 0, body.length, offset + 12)).bytesRead < body.length) return undefined;
    data = body.subarray(0, length);
    const view = new DataView(data.buffer, data.byteOffset, length);
    if (maskCrc(crc32c(view)) !== body.readInt32LE(length)) return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    for (const summary of messagesOf(parseMessage(data), 5)) {
      for (const bytes of allBytesOf(summary, 1)) {
        const message = parseMessage(bytes);
        if (textOf(message, 1) !== tag) continue;
        const metadata = messageOf(message, 9);
        const plugin = metadata && messageOf(metadata, 1);
        return {
          message,
          pluginContent: plugin && bytesOf(plugin, 2),
          displayName: metadata ? textOf(metadata, 2) : '',
        };
      }
    }
  } catch (error) {
    if (!(error instanceof NotAMessage)) throw error;
  }
  return undefined;
}
