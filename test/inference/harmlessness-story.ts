/** The steps that show what marks do to a model's outputs, at each strength. */
import { STRENGTHS, type Strength } from '../../functions/watermark/strength.ts';
import type { Figure } from '../support/figure.ts';
import { mustBe, type Story } from '../support/story.ts';
import { measureDetectorHarm } from './detector.ts';
import { type Harm, harmFigures, measureHarm } from './harmlessness.ts';
import type { TestModel } from './models.ts';
import type { Runtime } from './runtime.ts';

/** What the strengths that are meant for use may do at most; `light` does less. */
const MIN_IOU = 0.999;
const MAX_SHIFT_PX = 0.1;
/** Of a detector's box. */
const MAX_BOX_SHIFT = 0.005;

/** One step for each model and strength. */
export async function tellHarmlessness(
  story: Story,
  runtime: Runtime,
  models: readonly TestModel[],
  grants: number,
): Promise<readonly Figure[]> {
  const harms: Harm[] = [];
  for (const model of models) {
    for (const strength of Object.keys(STRENGTHS) as Strength[]) {
      await story.step(`${model.id}, marked ${strength}: ${grants} grants`, async () => {
        const harm = await measureHarm(runtime, model, strength, grants);
        harms.push(harm);
        const { iou, leastIou, shiftPx, maxRelative } = harm;
        const text =
          `IoU ${iou.toFixed(5)} on average, ${leastIou.toFixed(5)} at least` +
          `${shiftPx === undefined ? '' : `; landmarks ${shiftPx.toFixed(3)} px off (median)`}\n` +
          `no value off by more than ${(100 * maxRelative).toFixed(1)} % of its tensor's range`;
        mustBe(iou >= MIN_IOU && (shiftPx ?? 0) <= MAX_SHIFT_PX, text);
        return text;
      });
    }
  }
  return [...harmFigures(harms), ...(await tellDetector(story, runtime, grants))];
}

async function tellDetector(story: Story, runtime: Runtime, grants: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const strength of Object.keys(STRENGTHS) as Strength[]) {
    await story.step(`pose-detector, marked ${strength}: ${grants} grants`, async () => {
      const { shift, score, pictures } = await measureDetectorHarm(runtime, strength, grants);
      const text = `the box moves by ${percent(shift)} of its size, its score by ${percent(score)} (median)`;
      figures.push({
        name: `trace.harmless.box_shift_median.${strength}.pose-detector`,
        value: shift,
        unit: '',
        note: `of the surest box, as a share of its longer side; ${grants} grants × ${pictures} pictures`,
      });
      mustBe(shift <= MAX_BOX_SHIFT, text);
      return text;
    });
  }
  return figures;
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
