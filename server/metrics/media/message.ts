import { cursor, readVarint, skipField } from '../protobuf.ts';

/** A protobuf message taken apart: by field number, what it holds in order. Varints are numbers, all else is bytes. */
export type Message = Map<number, (number | Buffer)[]>;

/** A message that is not what it should be. */
export class NotAMessage extends Error {}

/** Takes a message apart, one level deep. @throws NotAMessage */
export function parseMessage(bytes: Buffer): Message {
  const fields: Message = new Map();
  for (let at = 0; at < bytes.length; ) {
    const key = readVarint(bytes, at, bytes.length);
    const body = cursor.after;
    const after = skipField(bytes, at, bytes.length);
    if (after > bytes.length) throw new NotAMessage('a field is cut off');
    const field = Math.floor(key / 8);
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if ((key & 7) === 0) values.push(readVarint(bytes, body, bytes.length));
    else if ((key & 7) === 2) {
      readVarint(bytes, body, bytes.length);
      values.push(bytes.subarray(cursor.after, after));
    } else values.push(bytes.subarray(body, after));
    at = after;
  }
  return fields;
}

/** The last value of a field that holds bytes, or a message. */
export function bytesOf(message: Message, field: number): Buffer | undefined {
  const value = message.get(field)?.findLast((one) => typeof one !== 'number');
  return value as Buffer | undefined;
}

export function messageOf(message: Message, field: number): Message | undefined {
  const bytes = bytesOf(message, field);
  return bytes && parseMessage(bytes);
}

/** Every value of a repeated message. */
export function messagesOf(message: Message, field: number): Message[] {
  return allBytesOf(message, field).map(parseMessage);
}

export function allBytesOf(message: Message, field: number): Buffer[] {
  return (message.get(field) ?? []).filter((one) => typeof one !== 'number');
}

export function textOf(message: Message, field: number): string {
  return bytesOf(message, field)?.toString('utf8') ?? '';
}

/** An unsigned varint, or an enumeration. */
export function numberOf(message: Message, field: number): number {
  return (message.get(field)?.findLast((one) => typeof one === 'number') as number | undefined) ?? 0;
}

/** A repeated double, packed or not. */
export function doublesOf(message: Message, field: number): number[] {
  return allBytesOf(message, field).flatMap((bytes) =>
    Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => bytes.readDoubleLE(i * 8)),
  );
}

/** A double or a float. */
export function floatOf(message: Message, field: number): number | undefined {
  const bytes = bytesOf(message, field);
  if (bytes?.length === 8) return bytes.readDoubleLE();
  return bytes?.length === 4 ? bytes.readFloatLE() : undefined;
}
