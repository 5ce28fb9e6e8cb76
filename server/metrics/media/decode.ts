/**
 * Values that are no scalars, in both of their encodings: the protobuf messages of TensorFlow 1 and its kin
 * (tensorboard/compat/proto/summary.proto) and the tensors of TensorFlow 2 (the comments in tensorboard/plugins/PLUGIN/
 * summary_v2.py and metadata.py say what the tensors hold).
 */
import {
  bytesOf,
  doublesOf,
  floatOf,
  type Message,
  messageOf,
  messagesOf,
  NotAMessage,
  numberOf,
  textOf,
} from './message.ts';
import type { StoredValue } from './readValue.ts';

/** `edges` has one entry more than `counts`. */
export interface HistogramValue {
  edges: number[];
  counts: number[];
}

export interface MediaSample {
  bytes: Buffer;
  mediaType: string;
  width?: number;
  height?: number;
  caption?: string;
}

export interface TextValue {
  shape: number[];
  texts: string[];
}

/** Fields of Summary.Value. */
const IMAGE = 4;
const HISTOGRAM = 5;
const AUDIO = 6;
const TENSOR = 8;

/** Undefined for what is no histogram. */
export function histogramOf({ message }: StoredValue): HistogramValue | undefined {
  return readable(() => {
    const proto = messageOf(message, HISTOGRAM);
    if (proto) return histogramOfProto(proto);
    const tensor = tensorOf(message);
    if (tensor?.numbers === undefined || tensor.shape.at(-1) !== 3) return undefined;
    // Rows of left edge, right edge, count; neighbours share their edge.
    const rows = Array.from({ length: Math.floor(tensor.numbers.length / 3) }, (_, i) =>
      tensor.numbers!.slice(3 * i, 3 * i + 3),
    );
    if (rows.length === 0) return { edges: [], counts: [] };
    return { edges: [rows[0]![0]!, ...rows.map((row) => row[1]!)], counts: rows.map((row) => row[2]!) };
  });
}

/** HistogramProto: min 1, max 2, num 3, sum 4, sum of squares 5, upper limits 6, counts 7. */
function histogramOfProto(proto: Message): HistogramValue {
  const limits = doublesOf(proto, 6);
  const counts = doublesOf(proto, 7).slice(0, limits.length);
  const [min, max] = [floatOf(proto, 1) ?? 0, floatOf(proto, 2) ?? 0];
  // The first and last limits are ±1.8e308 at times; what was seen is between min and max.
  let first = counts.findIndex((count) => count > 0);
  let last = counts.findLastIndex((count) => count > 0);
  if (first < 0) [first, last] = [0, counts.length - 1];
  const edges = [Math.max(min, first > 0 ? limits[first - 1]! : min), ...limits.slice(first, last + 1)];
  if (edges.length > 1) edges[edges.length - 1] = Math.max(Math.min(edges.at(-1)!, max), edges.at(-2)!);
  return { edges, counts: counts.slice(first, last + 1) };
}

/** Images or sounds of one step; empty where the value has none. */
export function samplesOf({ message }: StoredValue, kind: string): MediaSample[] {
  return (
    readable(() => {
      const image = messageOf(message, IMAGE);
      if (image) return [imageSample(bytesOf(image, 4) ?? Buffer.alloc(0), numberOf(image, 2), numberOf(image, 1))];
      const audio = messageOf(message, AUDIO);
      if (audio) {
        const bytes = bytesOf(audio, 4) ?? Buffer.alloc(0);
        return [{ bytes, mediaType: mediaTypeOf(bytes) }];
      }
      const strings = tensorOf(message)?.strings;
      if (strings === undefined) return [];
      if (kind === 'images') {
        // Width and height in decimal, then the images.
        const [width, height] = strings.slice(0, 2).map(Number);
        return strings.slice(2).map((bytes) => imageSample(bytes, width ?? 0, height ?? 0));
      }
      // Sounds with a label each, or sounds alone.
      const shape = tensorOf(message)!.shape;
      if (shape.length !== 2 || shape[1] !== 2)
        return strings.map((bytes) => ({ bytes, mediaType: mediaTypeOf(bytes) }));
      return strings
        .filter((_, i) => i % 2 === 0)
        .map((bytes, i) => ({ bytes, mediaType: mediaTypeOf(bytes), caption: strings[2 * i + 1]?.toString() ?? '' }));
    }) ?? []
  );
}

function imageSample(bytes: Buffer, width: number, height: number): MediaSample {
  return { bytes, mediaType: mediaTypeOf(bytes), ...(width > 0 && height > 0 ? { width, height } : {}) };
}

/** Undefined for what is no text. */
export function textOfValue({ message }: StoredValue): TextValue | undefined {
  return readable(() => {
    const tensor = tensorOf(message);
    return tensor?.strings && { shape: tensor.shape, texts: tensor.strings.map((bytes) => bytes.toString('utf8')) };
  });
}

/** The bytes of a tensor of one string, such as a layout of custom scalars. */
export function onlyString({ message }: StoredValue): Buffer | undefined {
  return readable(() => tensorOf(message)?.strings?.[0]);
}

interface Tensor {
  shape: number[];
  numbers?: number[];
  strings?: Buffer[];
}

/** DataType: FLOAT 1, DOUBLE 2, STRING 7. TensorProto: dtype 1, shape 2, content 4, float 5, double 6, string 8. */
function tensorOf(value: Message): Tensor | undefined {
  const tensor = messageOf(value, TENSOR);
  if (!tensor) return undefined;
  const shapeProto = messageOf(tensor, 2);
  const shape = shapeProto ? messagesOf(shapeProto, 2).map((dimension) => numberOf(dimension, 1)) : [];
  const content = bytesOf(tensor, 4);
  switch (numberOf(tensor, 1)) {
    case 1: {
      const packed = content?.length
        ? content
        : Buffer.concat((tensor.get(5) ?? []).filter((one) => typeof one !== 'number'));
      return { shape, numbers: Array.from({ length: packed.length >> 2 }, (_, i) => packed.readFloatLE(i * 4)) };
    }
    case 2:
      return {
        shape,
        numbers: content?.length
          ? Array.from({ length: content.length >> 3 }, (_, i) => content.readDoubleLE(i * 8))
          : doublesOf(tensor, 6),
      };
    case 7:
      return { shape, strings: (tensor.get(8) ?? []).filter((one) => typeof one !== 'number') };
    default:
      return undefined;
  }
}

/** What a browser may show, by the first bytes; nothing that could hold a script (SVG). */
function mediaTypeOf(bytes: Buffer): string {
  const head = bytes.toString('latin1', 0, 12);
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^GIF8[79]a/.test(head)) return 'image/gif';
  if (/^RIFF[\s\S]{4}WEBP/.test(head)) return 'image/webp';
  if (/^RIFF[\s\S]{4}WAVE/.test(head)) return 'audio/wav';
  if (head.startsWith('fLaC')) return 'audio/flac';
  if (head.startsWith('OggS')) return 'audio/ogg';
  if (head.startsWith('ID3') || /^\xff[\xe2\xe3\xf2\xf3\xfa\xfb]/.test(head)) return 'audio/mpeg';
  return head.startsWith('BM') ? 'image/bmp' : 'application/octet-stream';
}

/** Undefined where a message inside the record is not what it should be. */
function readable<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotAMessage) return undefined;
    throw error;
  }
}

export interface HparamsValue {
  name: string;
  values: Record<string, string | number | boolean>;
  status?: string;
  startedAt?: number;
  endedAt?: number;
  metrics: { tag: string; group: string; displayName: string }[];
}

const statuses = ['unknown', 'success', 'failure', 'running'];

/** HParamsPluginData (tensorboard/plugins/hparams/plugin_data.proto): experiment 2, session start 3, session end 4. */
export function hparamsOf(contents: Buffer[]): HparamsValue {
  const found: HparamsValue = { name: '', values: Object.create(null), metrics: [] };
  for (const content of contents) readable(() => void addHparams(found, parseTop(content)));
  return found;
}

function parseTop(content: Buffer): Message | undefined {
  return messageOf(new Map([[1, [content]]]), 1);
}

function addHparams(found: HparamsValue, data: Message | undefined): void {
  if (!data) return;
  const experiment = messageOf(data, 2);
  for (const info of experiment ? messagesOf(experiment, 5) : []) {
    const name = messageOf(info, 1);
    const [group, tag] = name ? [textOf(name, 1), textOf(name, 2)] : ['', ''];
    found.metrics.push({ tag, group, displayName: textOf(info, 3) });
  }
  const start = messageOf(data, 3);
  if (start) {
    // A map is a repeated message of key 1 and value 2; the value is a google.protobuf.Value.
    for (const entry of messagesOf(start, 1)) found.values[textOf(entry, 1)] = jsonValue(messageOf(entry, 2));
    found.name = textOf(start, 4);
    const at = floatOf(start, 5);
    if (at) found.startedAt = at;
  }
  const end = messageOf(data, 4);
  if (end) {
    found.status = statuses[numberOf(end, 1)] ?? 'unknown';
    const at = floatOf(end, 2);
    if (at) found.endedAt = at;
  }
}

/** google.protobuf.Value: number 2, string 3, bool 4. */
function jsonValue(value: Message | undefined): string | number | boolean {
  if (!value) return '';
  if (value.has(3)) return textOf(value, 3);
  return value.has(4) ? numberOf(value, 4) === 1 : (floatOf(value, 2) ?? '');
}

export interface LayoutValue {
  categories: {
    title: string;
    closed: boolean;
    charts: { title: string; tags: string[]; margins: { value: string; lower: string; upper: string }[] }[];
  }[];
}

/** Layout of tensorboard/plugins/custom_scalar/layout.proto: category 2 {title 1, chart 2, closed 3}. */
export function layoutOf(content: Buffer): LayoutValue | undefined {
  return readable(() => {
    const layout = parseTop(content);
    if (!layout) return undefined;
    const categories = messagesOf(layout, 2).map((category) => ({
      title: textOf(category, 1),
      closed: numberOf(category, 3) === 1,
      charts: messagesOf(category, 2).map((chart) => {
        const multiline = messageOf(chart, 2);
        const margin = messageOf(chart, 3);
        return {
          title: textOf(chart, 1),
          tags: (multiline?.get(1) ?? []).filter((one) => typeof one !== 'number').map((one) => one.toString()),
          margins: (margin ? messagesOf(margin, 1) : []).map((series) => ({
            value: textOf(series, 1),
            lower: textOf(series, 2),
            upper: textOf(series, 3),
          })),
        };
      }),
    }));
    return { categories };
  });
}
