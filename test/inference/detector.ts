/** What marks do to a detector: how far the box moves that it is surest of. */
import { readFile } from 'node:fs/promises';
import { parseModel } from '../../functions/formats/format.ts';
import type { Strength } from '../../functions/watermark/strength.ts';
import { median } from '../support/statistics.ts';
import { markedFor } from './marked.ts';
import { selfies, standingPeople } from './pictures.ts';
import type { Outputs, Runtime } from './runtime.ts';

/** The first of the files that are packed into one here: bodies in pictures, 2.9 MB. */
const FILE = 'node_modules/@mediapipe/pose/pose_solution_packed_assets.data';
const PICTURE_SIDE = 256;
const SIDE = 224;
/** x, y, width and height come first; key points follow. */
const BOX = 4;
const VALUES = 12;

interface DetectorHarm {
  /** How far a side of the box moves, as a share of its longer side: the median over grants and pictures. */
  readonly shift: number;
  /** The same of the score's logit, as a share of it. */
  readonly score: number;
  readonly pictures: number;
}

/** Throws ModelRefused. */
export async function measureDetectorHarm(
  runtime: Runtime,
  strength: Strength,
  grants: number,
): Promise<DetectorHarm> {
  const original = await readFile(FILE);
  const { layers } = await parseModel(original);
  const pictures = [...standingPeople(6), ...selfies(6)].map(({ pixels }) => inputOf(pixels));
  const expected = await runtime.run(original, pictures);
  const [shifts, scores]: [number[], number[]] = [[], []];
  for (let grant = 0; grant < grants; grant++) {
    const marked = markedFor('pose-detector', original, layers, strength, grant);
    for (const [i, outputs] of (await runtime.run(marked, pictures)).entries()) {
      const without = expected[i] ?? [];
      const surest = surestOf(without);
      const [before, after] = [detection(without, surest), detection(outputs, surest)];
      const longer = Math.max(before.box[2] ?? 0, before.box[3] ?? 0);
      const moved = before.box.map((value, k) => Math.abs(value - (after.box[k] ?? Number.NaN)));
      shifts.push(Math.max(...moved) / longer);
      scores.push(Math.abs((after.score - before.score) / before.score));
    }
  }
  return { shift: median(shifts), score: median(scores), pictures: pictures.length };
}

/** The nearest pixels, from −1 to 1. */
function inputOf(pixels: Float32Array): Float32Array {
  const input = new Float32Array(SIDE * SIDE * 3);
  const from = (at: number) => Math.floor(((at + 0.5) * PICTURE_SIDE) / SIDE);
  for (let row = 0, i = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const at = (from(row) * PICTURE_SIDE + from(column)) * 3;
      for (let channel = 0; channel < 3; channel++, i++) {
        input[i] = 2 * (pixels[at + channel] as number) - 1;
      }
    }
  }
  return input;
}

const scoresOf = (outputs: Outputs) => outputs[1]?.values ?? new Float32Array();
const surestOf = (outputs: Outputs): number => {
  const scores = scoresOf(outputs);
  return scores.reduce((best, score, i) => (score > (scores[best] as number) ? i : best), 0);
};
const detection = (outputs: Outputs, at: number) => ({
  score: scoresOf(outputs)[at] ?? Number.NaN,
  box: Array.from((outputs[0]?.values ?? []).slice(at * VALUES, at * VALUES + BOX)),
});
