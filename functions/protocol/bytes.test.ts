import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inPieces } from '../../test/support/streams.ts';
import { collect, streamOf } from './bytes.ts';

describe('collect', () => {
  it('gives back what was sent, in whatever pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.integer({ min: 1, max: 9 }), async (bytes, size) => {
        expect(await collect(inPieces(bytes, size))).toEqual(new Uint8Array(bytes));
        expect(await collect(streamOf(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it('reads no further than it may keep', async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 1;
        yield new Uint8Array(10);
      }
    }
    await expect(collect(endless(), 25)).rejects.toThrow(RangeError);
    expect(read).toBe(3);
    expect(await collect(inPieces(new Uint8Array(25)), 25)).toHaveLength(25);
  });
});
