import { appendPoint } from './columns.ts';
import { cursor, MALFORMED, readSignedVarint, readVarint, skipField } from './protobuf.ts';
import type { FilePiece, RecordSink } from './records.ts';
import { type Tag, TagTable } from './tags.ts';
import { readScalarTensor } from './tensor.ts';

/** Where a value that is no scalar stands, so that it can be fetched when somebody looks at it. */
export interface BlobEntry {
  tag: string;
  /** The plugin that shows it: `histograms`, `images`, `audio`, `text`, `hparams`, `graphs`, … or `tensors`. */
  kind: string;
  step: number;
  /** Seconds since 1970. */
  wallTime: number;
  /** Path of the event file relative to the log folder, and the byte where the record starts in it. */
  file: string;
  offset: number;
}

/** The tag TensorBoard gives to the graph of a run. */
const GRAPH_TAG = '__run_graph__';

/**
 * Decodes the Event messages of one run (all its event files, because the metadata that makes a tensor a scalar is
 * written once a tag and run) into columns. Field numbers: tensorboard/compat/proto/event.proto, summary.proto.
 * The usual event, one `simple_value`, is decoded without allocating anything.
 */
export class RunDecoder implements RecordSink {
  readonly tags = new TagTable();
  /** Tags that have points, in the order in which they got the first. */
  touched: Tag[] = [];
  blobs: BlobEntry[] = [];
  /** Tags whose plugin has become known. */
  newPlugins: Tag[] = [];
  /** Events and scalar points decoded so far. */
  events = 0;
  points = 0;
  /** The file that the records come from, for {@link BlobEntry}. */
  file = '';
  private readonly keepsBlobs: boolean;
  private bytes: Buffer = Buffer.alloc(0);
  private view = new DataView(this.bytes.buffer);
  private step = 0;
  private wallTime = 0;
  private offset = 0;

  constructor(options: { keepsBlobs: boolean }) {
    this.keepsBlobs = options.keepsBlobs;
  }

  /** Decodes one Event; false when it is not one, or when a scalar in it cannot be read. */
  record(piece: FilePiece, start: number, end: number, offset: number): boolean {
    const { bytes, view } = piece;
    this.bytes = bytes;
    this.view = view;
    this.step = 0;
    this.wallTime = 0;
    this.offset = offset;
    let summaryStart = 0;
    let summaryEnd = 0;
    let summaries = 0;
    let hasGraph = false;
    let at = start;
    while (at < end) {
      switch (bytes[at]!) {
        case 0x09: // wall_time
          if (at + 9 > end) return false;
          this.wallTime = view.getFloat64(at + 1, true);
          at += 9;
          break;
        case 0x10: // step
          this.step = readSignedVarint(bytes, at + 1, end);
          at = cursor.after;
          break;
        case 0x2a: // summary
          summaryEnd = skipField(bytes, at, end);
          summaryStart = at + 1;
          summaries++;
          at = summaryEnd;
          break;
        case 0x22: // graph_def
          hasGraph = true;
          at = skipField(bytes, at, end);
          break;
        default:
          at = skipField(bytes, at, end);
      }
    }
    if (at !== end) return false;
    this.events++;
    if (hasGraph) this.addBlob(this.tags.named(GRAPH_TAG), 'graphs');
    if (summaries === 0) return true;
    if (summaries === 1) return this.summary(summaryStart, summaryEnd);
    return this.summariesOf(start, end);
  }

  /** A message field that comes several times is merged: its repeated fields follow one another. */
  private summariesOf(start: number, end: number): boolean {
    let isReadable = true;
    for (let at = start; at < end; ) {
      const after = skipField(this.bytes, at, end);
      if (this.bytes[at] === 0x2a) isReadable = this.summary(at + 1, after) && isReadable;
      at = after;
    }
    return isReadable;
  }

  /** Decodes a Summary that starts with its length. */
  private summary(start: number, end: number): boolean {
    const bytes = this.bytes;
    readVarint(bytes, start, end);
    let at = cursor.after;
    let isReadable = true;
    while (at < end) {
      if (bytes[at] === 0x0a) {
        const length = readVarint(bytes, at + 1, end);
        const valueStart = cursor.after;
        at = valueStart + length;
        if (at > end) return false;
        isReadable = this.value(valueStart, at) && isReadable;
      } else at = skipField(bytes, at, end);
    }
    return isReadable && at === end;
  }

  /** Decodes one Summary.Value. */
  private value(start: number, end: number): boolean {
    const bytes = this.bytes;
    let tagStart = start;
    let tagEnd = start;
    let field = 0;
    let valueAt = 0;
    let metadataAt = 0;
    let at = start;
    while (at < end) {
      const key = bytes[at]!;
      const body = at + 1;
      switch (key) {
        case 0x0a: // tag
          at = readVarint(bytes, body, end);
          tagStart = cursor.after;
          tagEnd = tagStart + at;
          at = tagEnd;
          break;
        case 0x15: // simple_value
          field = SIMPLE_VALUE;
          valueAt = body;
          at = body + 4;
          break;
        case 0x4a: // metadata
          metadataAt = body;
          at = skipField(bytes, at, end);
          break;
        default:
          if (key >>> 3 in KIND_OF_FIELD) {
            field = key >>> 3;
            valueAt = body;
          }
          at = skipField(bytes, at, end);
      }
    }
    if (at !== end) return false;
    const tag = this.tags.find(this.view, tagStart, tagEnd);
    if (metadataAt !== 0 && tag.plugin === '') this.learnPlugin(tag, metadataAt, end);
    if (field === SIMPLE_VALUE) {
      this.addPoint(tag, this.view.getFloat32(valueAt, true));
      return true;
    }
    if (field === TENSOR && tag.plugin === 'scalars') return this.scalarTensor(tag, valueAt, end);
    if (field !== 0) this.addBlob(tag, tag.plugin || KIND_OF_FIELD[field]!);
    // Hyperparameters are written as metadata without a value.
    else if (metadataAt !== 0 && tag.plugin !== '' && tag.plugin !== 'scalars') this.addBlob(tag, tag.plugin);
    return true;
  }

  private learnPlugin(tag: Tag, metadataAt: number, end: number): void {
    tag.plugin = this.pluginName(metadataAt, end);
    if (tag.plugin !== '') this.newPlugins.push(tag);
  }

  private scalarTensor(tag: Tag, at: number, end: number): boolean {
    const length = readVarint(this.bytes, at, end);
    const value = readScalarTensor(this.bytes, cursor.after, cursor.after + length);
    if (value === undefined) return false;
    this.addPoint(tag, value);
    return true;
  }

  private addPoint(tag: Tag, value: number): void {
    if (tag.points.length === 0) this.touched.push(tag);
    appendPoint(tag.points, this.step, this.wallTime, value);
    this.points++;
  }

  private addBlob(tag: Tag, kind: string): void {
    if (!this.keepsBlobs) return;
    const { step, wallTime, file, offset } = this;
    this.blobs.push({ tag: tag.name, kind, step, wallTime, file, offset });
  }

  /** `plugin_data.plugin_name` of a SummaryMetadata that starts with its length; empty when there is none. */
  private pluginName(start: number, limit: number): string {
    const bytes = this.bytes;
    const length = readVarint(bytes, start, limit);
    const end = cursor.after + length;
    for (let at = cursor.after; at < end; at = skipField(bytes, at, end)) {
      if (bytes[at] !== 0x0a) continue;
      const dataLength = readVarint(bytes, at + 1, end);
      const dataEnd = Math.min(cursor.after + dataLength, end);
      for (let inner = cursor.after; inner < dataEnd; inner = skipField(bytes, inner, dataEnd)) {
        if (bytes[inner] !== 0x0a) continue;
        const nameLength = readVarint(bytes, inner + 1, dataEnd);
        if (cursor.after === MALFORMED) return '';
        return bytes.toString('utf8', cursor.after, Math.min(cursor.after + nameLength, dataEnd));
      }
    }
    return '';
  }
}

/** The fields of Summary.Value that hold a value, and the plugin that shows it when no metadata names one. */
const SIMPLE_VALUE = 2;
const TENSOR = 8;
const KIND_OF_FIELD: Record<number, string> = {
  3: 'histograms',
  4: 'images',
  5: 'histograms',
  6: 'audio',
  8: 'tensors',
};
