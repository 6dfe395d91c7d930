import { describe, expect, it } from '@jest/globals';
import { assert, property, uint8Array } from 'fast-check';
import { concat } from './bytes.ts';
import {
  announcedHeaderBytes,
  type ContainerHeader,
  chunkAt,
  chunkCount,
  containerBytes,
  decodeHeader,
  encodeHeader,
  HEADER_PREFIX_BYTES,
} from './container.ts';
import { SealError } from './errors.ts';

const header: ContainerHeader = {
  imprinted: true,
  chunkBytes: 100,
  plainBytes: 250,
  layers: [
    { index: 9, offset: 10, length: 90 },
    { index: 2, offset: 100, length: 150 },
  ],
};
const code = (act: () => unknown) => {
  try {
    act();
    return 'nothing thrown';
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return error.code;
  }
};

describe('container header', () => {
  it('reads back what it wrote', () => {
    const encoded = encodeHeader(header);
    expect(announcedHeaderBytes(encoded.subarray(0, HEADER_PREFIX_BYTES))).toBe(encoded.byteLength);
    expect(decodeHeader(encoded)).toEqual(header);
    expect(encoded.byteLength).toBe(28 + 40);
  });

  it('holds sizes beyond 32 bits', () => {
    const large = { ...header, chunkBytes: 1 << 20, plainBytes: 2 ** 40, layers: [] };
    expect(decodeHeader(encodeHeader(large))).toEqual(large);
  });

  it.each([
    ['overlap', [header.layers[0], { index: 3, offset: 99, length: 2 }]],
    ['end behind the file', [{ index: 1, offset: 200, length: 51 }]],
    ['are out of order', [header.layers[1], header.layers[0]]],
    ['share an index', [header.layers[0], { ...header.layers[1], index: 9 }]],
    ['are empty', [{ index: 1, offset: 5, length: 0 }]],
    ['are larger than Themis takes', [{ index: 1, offset: 0, length: 2 ** 32 }]],
  ])('takes no layers that %s', (_, layers) => {
    const lying = { ...header, layers } as ContainerHeader;
    expect(code(() => encodeHeader(lying))).toBe('layers-invalid');
  });

  it.each([
    ['no bytes', { plainBytes: 0 }],
    ['tiny chunks', { chunkBytes: 63 }],
    ['huge chunks', { chunkBytes: (1 << 24) + 1 }],
    ['more chunks than 32 bits count', { plainBytes: 2 ** 50, layers: [] }],
  ])('takes no model of %s', (_, sizes) => {
    expect(code(() => encodeHeader({ ...header, ...sizes }))).toBe('container-malformed');
  });

  it('refuses a later version, unknown flags and lengths that do not fit', () => {
    const changed = (at: number, value: number) => {
      const bytes = encodeHeader(header);
      bytes[at] = value;
      return bytes;
    };
    expect(code(() => decodeHeader(changed(9, 2)))).toBe('version-unsupported');
    expect(code(() => decodeHeader(changed(11, 2)))).toBe('version-unsupported');
    expect(code(() => decodeHeader(changed(0, 0)))).toBe('container-malformed');
    expect(code(() => decodeHeader(changed(27, 1)))).toBe('container-malformed');
    expect(code(() => decodeHeader(changed(24, 1)))).toBe('container-malformed');
    expect(code(() => decodeHeader(concat(encodeHeader(header), new Uint8Array(1))))).toBe(
      'container-malformed',
    );
  });

  it('throws nothing but its own error, whatever the bytes, and reads no two encodings alike', async () => {
    const start = encodeHeader(header);
    await assert(
      property(uint8Array({ maxLength: 80 }), uint8Array({ maxLength: 80 }), (noise, mask) => {
        const masked = start.map((byte, i) => byte ^ (mask[i] ?? 0));
        for (const bytes of [noise, concat(start.subarray(0, 28), noise), masked]) {
          try {
            expect(encodeHeader(decodeHeader(bytes))).toEqual(bytes);
          } catch (error) {
            if (!(error instanceof SealError)) throw error;
          }
        }
      }),
    );
  });
});

describe('container geometry', () => {
  it('lays the chunks end to end, the last one short', () => {
    expect(chunkCount(header)).toBe(3);
    expect(chunkAt(header, 0)).toEqual({ offset: 0, length: 100, start: 68, end: 212 });
    expect(chunkAt(header, 1)).toMatchObject({ offset: 100, start: 212, end: 356 });
    expect(chunkAt(header, 2)).toEqual({ offset: 200, length: 50, start: 356, end: 450 });
    expect(containerBytes(header)).toBe(450);
  });
});
