import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { abstractPictures, selfies, standingPeople } from './pictures.ts';

const all = () => [...abstractPictures(), ...standingPeople(3), ...selfies(3)];
const digest = (pixels: Float32Array) =>
  createHash('sha256').update(new Uint8Array(pixels.buffer)).digest('hex');

describe('drawn pictures', () => {
  it('are what image models take, each another one, and the same at each run', () => {
    const pictures = all();
    for (const { pixels } of pictures) {
      expect(pixels.length).toBe(256 * 256 * 3);
      expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    const digests = pictures.map(({ pixels }) => digest(pixels));
    expect(new Set(digests).size).toBe(pictures.length);
    expect(all().map(({ pixels }) => digest(pixels))).toEqual(digests);
  });
});
