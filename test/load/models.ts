import type { CommandServices } from '../../scripts/commands/command-services.ts';
import { publish } from '../../scripts/commands/publish.ts';

/** The models of a load run: real ones, small, middle and large. */
export const MODELS = {
  '250kb': 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  '6mb': 'node_modules/@mediapipe/pose/pose_landmark_full.tflite',
  '28mb': 'node_modules/@mediapipe/pose/pose_landmark_heavy.tflite',
} as const;
export type ModelName = keyof typeof MODELS;

export async function publishModels(services: CommandServices): Promise<void> {
  for (const [model, file] of Object.entries(MODELS)) {
    await publish(services, file, { model, version: '1' }, () => ({
      update: () => undefined,
      end: () => undefined,
    }));
  }
}
