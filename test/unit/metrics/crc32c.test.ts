import assert from 'node:assert/strict';
import fc from 'fast-check';
import { crc32c, maskCrc } from '../../../server/metrics/crc32c.ts';

const viewOf = (bytes: Uint8Array | number[]) => new DataView(Uint8Array.from(bytes).buffer);

describe('crc32c', () => {
  it('gives the values of RFC 3720 appendix B.4', () => {
    assert.equal(crc32c(viewOf(Buffer.alloc(32))) >>> 0, 0x8a9136aa);
    assert.equal(crc32c(viewOf(Buffer.alloc(32, 0xff))) >>> 0, 0x62a8ab43);
    assert.equal(crc32c(viewOf(Uint8Array.from({ length: 32 }, (_, i) => i))) >>> 0, 0x46dd794e);
    assert.equal(crc32c(viewOf(Buffer.from('123456789'))) >>> 0, 0xe3069283);
  });

  it('masks as TensorFlow does', () => {
    // The usual first record, a version, is 24 bytes long: every event file starts with 18 00 … a3 7f 4b 22.
    assert.equal(maskCrc(crc32c(viewOf([24, 0, 0, 0, 0, 0, 0, 0]))), 0x224b7fa3);
  });

  it('of a part is that of a copy of the part, whatever its length and place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, a, b) => {
        const [start, end] = [a, b].map((n) => Math.min(n, bytes.length)).sort((x, y) => x - y) as [number, number];
        let crc = 0xffffffff;
        for (const byte of bytes.slice(start, end)) {
          crc ^= byte;
          for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
        }
        assert.equal(crc32c(viewOf(bytes), start, end), ~crc | 0);
      }),
    );
  });
});
