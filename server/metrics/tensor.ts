import { cursor, readSignedVarint, readVarint, skipField } from './protobuf.ts';

/** What a TensorProto holds when it is one number; `undefined` for no number, many numbers or an unknown type. */
export function readScalarTensor(bytes: Buffer, start: number, end: number): number | undefined {
  let type = 0;
  let elements = 1;
  let value = 0;
  let content = { start: 0, end: 0 };
  let at = start;
  while (at < end) {
    const key = readVarint(bytes, at, end);
    const body = cursor.after;
    const isDelimited = (key & 7) === 2;
    const length = isDelimited ? readVarint(bytes, body, end) : 0;
    const data = isDelimited ? cursor.after : body;
    const after = skipField(bytes, at, end);
    if (after > end) return undefined;
    switch (key >>> 3) {
      case 1:
        type = readVarint(bytes, body, end);
        break;
      case 2:
        elements = countElements(bytes, data, after);
        break;
      case 4:
        content = { start: data, end: after };
        break;
      default:
        // One value of the repeated field that belongs to the type; packed fields have a length, others have not.
        if (!isDelimited || length > 0) value = readValueField(bytes, key >>> 3, data, after) ?? value;
    }
    at = after;
  }
  if (elements !== 1 || !(type in SIZE_BYTES)) return undefined;
  // A tensor without any value is all zeros (tensorflow/core/framework/tensor.cc, `FromProtoField`).
  return content.end > content.start ? readContent(bytes, type, content.start, content.end) : value;
}

/** DataType of tensorflow/core/framework/types.proto, numbers only, and the size of one element. */
const FLOAT = 1;
const DOUBLE = 2;
const INT32 = 3;
const UINT8 = 4;
const INT16 = 5;
const INT8 = 6;
const INT64 = 9;
const BOOL = 10;
const UINT16 = 17;
const UINT32 = 22;
const UINT64 = 23;
const SIZE_BYTES: Record<number, number> = {
  [FLOAT]: 4,
  [DOUBLE]: 8,
  [INT32]: 4,
  [UINT8]: 1,
  [INT16]: 2,
  [INT8]: 1,
  [INT64]: 8,
  [BOOL]: 1,
  [UINT16]: 2,
  [UINT32]: 4,
  [UINT64]: 8,
};

/** The first value of a `*_val` field of TensorProto, by the field's number. */
function readValueField(bytes: Buffer, field: number, at: number, end: number): number | undefined {
  switch (field) {
    case 5:
      return end - at >= 4 ? bytes.readFloatLE(at) : undefined;
    case 6:
      return end - at >= 8 ? bytes.readDoubleLE(at) : undefined;
    case 7: // int_val: int32, int16, int8, uint16, uint8
    case 10: // int64_val
      return readSignedVarint(bytes, at, end);
    case 11: // bool_val
    case 16: // uint32_val
    case 17: // uint64_val
      return readVarint(bytes, at, end);
    default:
      return undefined;
  }
}

function readContent(bytes: Buffer, type: number, at: number, end: number): number | undefined {
  if (end - at !== SIZE_BYTES[type]) return undefined;
  switch (type) {
    case FLOAT:
      return bytes.readFloatLE(at);
    case DOUBLE:
      return bytes.readDoubleLE(at);
    case INT64:
      return Number(bytes.readBigInt64LE(at));
    case UINT64:
      return Number(bytes.readBigUInt64LE(at));
    case INT8:
    case INT16:
    case INT32:
      return bytes.readIntLE(at, end - at);
    default:
      return bytes.readUIntLE(at, end - at);
  }
}

/** The product of the dimensions of a TensorShapeProto. */
function countElements(bytes: Buffer, start: number, end: number): number {
  let elements = 1;
  for (let at = start; at < end; ) {
    const after = skipField(bytes, at, end);
    if (readVarint(bytes, at, end) === 0x12) {
      readVarint(bytes, cursor.after, end);
      elements *= readDimension(bytes, cursor.after, after);
    }
    at = after;
  }
  return elements;
}

function readDimension(bytes: Buffer, start: number, end: number): number {
  let size = 0;
  for (let at = start; at < end; at = skipField(bytes, at, end)) {
    if (readVarint(bytes, at, end) === 0x08) size = readSignedVarint(bytes, cursor.after, end);
  }
  return size;
}
