/** The real models that are run, and what their outputs mean. */
import type { Outputs } from './runtime.ts';

export interface TestModel {
  readonly id: string;
  readonly file: string;
  /** Of the mask's values: more is a person. */
  readonly maskThreshold: number;
  /** A value for each pixel of the picture. */
  mask(outputs: Outputs): Float32Array;
  /** A body's points, in pixels of the picture. */
  landmarks?(outputs: Outputs): readonly (readonly [x: number, y: number])[];
  /** From 0 to 1: whether there is a body in the picture. */
  presence?(outputs: Outputs): number;
}

/** As the model counts them: https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker */
const LANDMARKS = 33;
/** x, y, z, visibility, presence. */
const LANDMARK_VALUES = 5;

const output = (outputs: Outputs, index: number): Float32Array =>
  outputs[index]?.values ?? new Float32Array();

/** Outputs: 39 points (6 of them auxiliary), presence, mask as logits, heat map, points in metres. */
const pose = (size: 'lite' | 'heavy'): TestModel => ({
  id: `pose-${size}`,
  file: `node_modules/@mediapipe/pose/pose_landmark_${size}.tflite`,
  maskThreshold: 0,
  mask: (outputs) => output(outputs, 2),
  landmarks: (outputs) =>
    Array.from({ length: LANDMARKS }, (_, point) => {
      const [x = Number.NaN, y = Number.NaN] = output(outputs, 0).subarray(point * LANDMARK_VALUES);
      return [x, y];
    }),
  presence: (outputs) => output(outputs, 1)[0] ?? 0,
});

const selfie: TestModel = {
  id: 'selfie',
  file: 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  maskThreshold: 0.5,
  mask: (outputs) => output(outputs, 0),
};

export const TEST_MODELS: readonly TestModel[] = [selfie, pose('lite'), pose('heavy')];
