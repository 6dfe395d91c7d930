import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SealError } from './errors.ts';
import { encodeRecipe, readRecipe } from './recipe.ts';

const CHUNK_BYTES = 100;
const BASE_BYTES = 1000;

const refusal = (recipe: readonly number[], position = 0): unknown => {
  try {
    readRecipe(Uint8Array.from(recipe), new Uint8Array(CHUNK_BYTES), position, BASE_BYTES);
    return undefined;
  } catch (error) {
    return error instanceof SealError ? error.code : error;
  }
};

describe('a recipe', () => {
  it('makes a chunk from a base', () => {
    const chunk = new Uint8Array(CHUNK_BYTES).fill(9);
    const steps = [
      { from: 300, copy: 50, insert: 2 },
      { from: 351, copy: 48, insert: 0 },
    ];
    const { recipe, position } = encodeRecipe(steps, chunk, 100);
    // 200 is C8 01: seven bits at a time, the lowest first.
    expect([...recipe]).toEqual([0xc8, 1, 50, 2, 9, 9, 1, 48, 0]);
    expect(position).toBe(399);
    const made = new Uint8Array(CHUNK_BYTES);
    expect(readRecipe(recipe, made, 100, BASE_BYTES)).toEqual({
      copies: [
        { at: 0, from: 300, length: 50 },
        { at: 52, from: 351, length: 48 },
      ],
      position: 399,
    });
    expect([...made.subarray(49, 53)]).toEqual([0, 9, 9, 0]);
  });

  it('inserts all where steps would cost more than they save, and moves nothing in the base', () => {
    const chunk = new Uint8Array(CHUNK_BYTES).fill(5);
    const steps = Array.from({ length: 50 }, (_, i) => ({ from: i * 2, copy: 1, insert: 1 }));
    const { recipe, position } = encodeRecipe(steps, chunk, 0);
    expect([...recipe.subarray(0, 4)]).toEqual([0, 0, 100, 5]);
    expect(position).toBe(0);
    expect(readRecipe(recipe, new Uint8Array(CHUNK_BYTES), 0, BASE_BYTES).copies).toEqual([]);
  });

  it('that is hostile is refused', () => {
    expect(refusal([0, 100, 0])).toBeUndefined();
    for (const [why, recipe, position] of [
      ['nothing', []],
      ['less than the chunk', [0, 99, 0]],
      ['more than the chunk', [0, 101, 0]],
      ['more than the chunk, inserted', [0, 0, 101]],
      ['bytes behind the base', [0, 100, 0], 901],
      ['a skip behind the base', [0xe9, 7, 100, 0]],
      ['steps that make nothing', [0, 0, 0, 0, 100, 0]],
      ['an end within a number', [0, 0x80]],
      ['an end within what is inserted', [0, 0, 100, 1, 2, 3]],
      ['a number without an end', [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]],
      ['a number beyond 2⁵³', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 100, 0]],
      ['bytes behind its end', [0, 100, 0, 7]],
    ] as const) {
      expect([why, refusal(recipe, position)]).toEqual([why, 'patch-malformed']);
    }
  });

  it('makes any bytes into a chunk or a typed refusal, with copies that ascend and stay in the base', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), fc.nat(BASE_BYTES), (recipe, position) => {
        try {
          const read = readRecipe(recipe, new Uint8Array(CHUNK_BYTES), position, BASE_BYTES);
          let [at, from] = [0, position];
          for (const copy of read.copies) {
            expect(copy.at).toBeGreaterThanOrEqual(at);
            expect(copy.from).toBeGreaterThanOrEqual(from);
            [at, from] = [copy.at + copy.length, copy.from + copy.length];
          }
          expect(at).toBeLessThanOrEqual(CHUNK_BYTES);
          expect(from).toBeLessThanOrEqual(BASE_BYTES);
        } catch (error) {
          expect(error).toMatchObject({ code: 'patch-malformed' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
