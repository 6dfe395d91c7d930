/** Real models, marked. */
import { readFile } from 'node:fs/promises';
import { parseModel } from '../../functions/formats/format.ts';
import type { ModelLayer } from '../../functions/formats/layers.ts';
import { FINGERPRINT_BYTES, fingerprintFrom } from '../../functions/watermark/fingerprint.ts';
import { grantIdOf } from '../../functions/watermark/grant-id.ts';
import { createMarker } from '../../functions/watermark/marker.ts';
import { type MarkedLayer, type MarkPlan, planMarks } from '../../functions/watermark/plan.ts';
import { STRENGTHS, type Strength } from '../../functions/watermark/strength.ts';
import { exponentMeter } from '../../functions/watermark/typical-exponent.ts';
import type { Random } from '../support/random.ts';

const FILES = {
  segmentation: '@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  pose_lite: '@mediapipe/pose/pose_landmark_lite.tflite',
  pose_full: '@mediapipe/pose/pose_landmark_full.tflite',
  pose_heavy: '@mediapipe/pose/pose_landmark_heavy.tflite',
} as const;
export type RealModel = keyof typeof FILES;

export interface LoadedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly layers: readonly ModelLayer[];
  /** Of `resistant`, as it is kept when a version is published. */
  readonly plan: MarkPlan;
}

/** 250 kB, 2.8, 6.4 and 27.7 MB of float16 weights. */
export async function realModel(name: RealModel): Promise<LoadedModel> {
  const bytes = new Uint8Array(
    await readFile(new URL(`../../node_modules/${FILES[name]}`, import.meta.url)),
  );
  const { layers } = await parseModel(bytes);
  return { bytes, layers, plan: resistantPlan(bytes, layers) };
}

/** The plan of a version that shares nothing with earlier ones. */
export function resistantPlan(bytes: Uint8Array, layers: readonly MarkedLayer[]): MarkPlan {
  const typical = layers.flatMap(({ index, offset, length, dtype }): [number, number][] => {
    const meter = exponentMeter(dtype);
    meter?.add(bytes.subarray(offset, offset + length));
    const exponent = meter?.typical();
    return exponent === undefined ? [] : [[index, exponent]];
  });
  return planMarks(layers, STRENGTHS.resistant, new Map(typical));
}

export const randomFingerprint = (random: Random): string =>
  fingerprintFrom(random.bytes(FINGERPRINT_BYTES));
export const randomGrantId = (random: Random): string => grantIdOf(random.bytes(16));

/** The copy of a grant, or of a device: `name` is what the strength marks copies with. */
export function markedCopy(
  {
    bytes,
    layers,
    plan,
  }: {
    readonly bytes: Uint8Array;
    readonly layers: readonly MarkedLayer[];
    readonly plan?: MarkPlan;
  },
  traceKey: Uint8Array,
  name: string,
  strength: Strength = 'standard',
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const own = strength === 'resistant' ? { plan } : {};
  createMarker({ traceKey, name, layers, strength, ...own }).apply(copy, 0);
  return copy;
}
