import assert from 'node:assert/strict';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { readGreyPng } from '../../../server/cli/demo/png.ts';

interface Options {
  filter?: number;
  bits?: number;
  color?: number;
  interlaced?: number;
  /** How many IDAT chunks the pixels are cut into. */
  chunks?: number;
}

/** Writes a PNG as the specification says, every row with the same filter (https://www.w3.org/TR/png/#9Filters). */
function png(pixels: Uint8Array, width: number, options: Options = {}): Buffer {
  const { filter = 0, bits = 8, color = 0, interlaced = 0, chunks = 1 } = options;
  const height = pixels.length / width;
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : pixels[y * width + x]!);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    rows[y * (width + 1)] = filter;
    for (let x = 0; x < width; x++) {
      const [a, b, c] = [at(x - 1, y), at(x, y - 1), at(x - 1, y - 1)];
      const p = a + b - c;
      const nearest = [a, b, c].reduce((best, one) => (Math.abs(p - one) < Math.abs(p - best) ? one : best));
      rows[y * (width + 1) + 1 + x] = at(x, y) - [0, a, b, Math.floor((a + b) / 2), nearest][filter]!;
    }
  }
  const packed = deflateSync(rows);
  const size = Math.ceil(packed.length / chunks);
  const parts = Array.from({ length: chunks }, (_, i) => chunk('IDAT', packed.subarray(i * size, (i + 1) * size)));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, color, 0, 0, interlaced], 8);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from('a\0b')),
    ...parts,
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The reader does not look at the checksum: it stays zero. */
function chunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, data, Buffer.alloc(4)]);
}

describe('grey PNG', () => {
  it('gives the pixels back, whatever the filter, the size and the cut into chunks', () => {
    const image = fc.integer({ min: 1, max: 9 }).chain((width) =>
      fc.integer({ min: 1, max: 9 }).chain((height) => {
        const pixels = fc.uint8Array({ minLength: width * height, maxLength: width * height });
        return fc.tuple(pixels, fc.constant(width), fc.nat(4), fc.integer({ min: 1, max: 3 }));
      }),
    );
    fc.assert(
      fc.property(image, ([pixels, width, filter, chunks]) => {
        assert.deepEqual(readGreyPng(png(pixels, width, { filter, chunks })), pixels);
      }),
    );
  });

  it('refuses other kinds: colour, 16 bits, interlaced', () => {
    for (const kind of [{ color: 2 }, { bits: 16 }, { interlaced: 1 }]) {
      assert.throws(() => readGreyPng(png(new Uint8Array(4), 2, kind)), /8-bit greyscale/);
    }
  });
});
