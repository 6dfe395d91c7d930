/** What marks do to the outputs of real models, in headless Chromium: the worst of all, and each model's. */
import { STRENGTHS, type Strength } from '../../functions/watermark/strength.ts';
import { hasChromium } from '../inference/chromium.ts';
import { type Harm, harmFigures, measureHarm } from '../inference/harmlessness.ts';
import { TEST_MODELS } from '../inference/models.ts';
import { startRuntime } from '../inference/runtime.ts';
import type { Figure } from '../support/figure.ts';

const GRANTS = 10;

/** Without a Chromium there are no figures. */
export async function run(): Promise<Figure[]> {
  if (!hasChromium()) {
    console.error('harmlessness is not measured: no Chromium (CHROMIUM_PATH names one)');
    return [];
  }
  const runtime = await startRuntime();
  const harms: Harm[] = [];
  try {
    for (const model of TEST_MODELS) {
      for (const strength of Object.keys(STRENGTHS) as Strength[]) {
        harms.push(await measureHarm(runtime, model, strength, GRANTS));
      }
    }
  } finally {
    await runtime.close();
  }
  return [...harmFigures(harms)];
}
