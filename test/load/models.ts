import { publishFile } from '../support/publish.ts';

/** The models of a load run: real ones, small, middle and large. */
export const MODELS = {
  '250kb': 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  '6mb': 'node_modules/@mediapipe/pose/pose_landmark_full.tflite',
  '28mb': 'node_modules/@mediapipe/pose/pose_landmark_heavy.tflite',
} as const;
export type ModelName = keyof typeof MODELS;

/** Publishes all of them. */
export async function publishModels(services: Parameters<typeof publishFile>[0]): Promise<void> {
  for (const [model, file] of Object.entries(MODELS)) {
    await publishFile(services, model, file, { version: '1' });
  }
}
