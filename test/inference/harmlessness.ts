/** What a grant's mark does to what a model says: marked copies against the original, in the browser. */
import { readFile } from 'node:fs/promises';
import { parseModel } from '../../functions/formats/format.ts';
import type { Strength } from '../../functions/watermark/strength.ts';
import type { Figure } from '../support/figure.ts';
import { median } from '../support/statistics.ts';
import { intersectionOverUnion, relativeDifference } from './compare.ts';
import { markedFor } from './marked.ts';
import type { TestModel } from './models.ts';
import { selfies, standingPeople } from './pictures.ts';
import type { Outputs, Runtime } from './runtime.ts';

export interface Harm {
  readonly model: string;
  readonly strength: Strength;
  readonly grants: number;
  readonly pictures: number;
  /** Of the masks: the mean over grants and pictures, and the least. */
  readonly iou: number;
  readonly leastIou: number;
  /** The median over grants, pictures and landmarks, in pixels of 256; undefined for a model without any. */
  readonly shiftPx?: number;
  /** The largest difference of any output value, as a share of its tensor's range. */
  readonly maxRelative: number;
}

const STANDING = 6;
const SELFIES = 6;

/** Runs a model with the mark of each of so many grants on pictures of people. Throws ModelRefused. */
export async function measureHarm(
  runtime: Runtime,
  model: TestModel,
  strength: Strength,
  grants: number,
): Promise<Harm> {
  const original = await readFile(model.file);
  const { layers } = await parseModel(original);
  const people = [...standingPeople(STANDING), ...(model.landmarks ? [] : selfies(SELFIES))];
  const inputs = people.map(({ pixels }) => pixels);
  const expected = await runtime.run(original, inputs);
  const ious: number[] = [];
  const shifts: number[] = [];
  const differences: number[] = [];
  for (let grant = 0; grant < grants; grant++) {
    const marked = markedFor(model.id, original, layers, strength, grant);
    const actual = await runtime.run(marked, inputs);
    for (const [i, outputs] of actual.entries()) {
      const without = expected[i] ?? [];
      const masks = [model.mask(without), model.mask(outputs)] as const;
      ious.push(intersectionOverUnion(...masks, model.maskThreshold));
      shifts.push(...shiftsOf(model, without, outputs));
      for (const [k, { values }] of without.entries()) {
        differences.push(relativeDifference(values, outputs[k]?.values ?? new Float32Array()));
      }
    }
  }
  return {
    model: model.id,
    strength,
    grants,
    pictures: people.length,
    iou: ious.reduce((sum, iou) => sum + iou, 0) / ious.length,
    leastIou: Math.min(...ious),
    ...(shifts.length > 0 && { shiftPx: median(shifts) }),
    maxRelative: Math.max(...differences),
  };
}

/** How far each landmark moved, in pixels. */
function shiftsOf(model: TestModel, from: Outputs, to: Outputs): readonly number[] {
  const moved = model.landmarks?.(to) ?? [];
  return (model.landmarks?.(from) ?? []).map(([x, y], i) => {
    const [toX, toY] = moved[i] ?? [Number.NaN, Number.NaN];
    return Math.hypot(toX - x, toY - y);
  });
}

/** For each strength the figures of the model that it harms most, and those of each model. */
export function harmFigures(harms: readonly Harm[]): readonly Figure[] {
  return [...Map.groupBy(harms, ({ strength }) => strength)].flatMap(([strength, all]) => [
    ...worstFigures(`${strength}`, all),
    ...all.flatMap((harm) => worstFigures(`${strength}.${harm.model}`, [harm])),
  ]);
}

function worstFigures(suffix: string, harms: readonly Harm[]): readonly Figure[] {
  const shifts = harms.flatMap(({ shiftPx }) => shiftPx ?? []);
  const over = harms.map(
    (harm) => `${harm.model} (${harm.grants} grants × ${harm.pictures} pictures)`,
  );
  const figure = (name: string, value: number, unit: string, note: string): Figure => ({
    name: `trace.harmless.${name}.${suffix}`,
    value,
    unit,
    note: `${note}; ${over.length > 1 ? 'the worst of ' : ''}${over.join(', ')}`,
  });
  return [
    figure('iou', Math.min(...harms.map(({ iou }) => iou)), '', 'masks, marked and unmarked: mean'),
    figure('iou_least', Math.min(...harms.map(({ leastIou }) => leastIou)), '', 'the least of all'),
    ...(shifts.length > 0
      ? [figure('landmark_px_median', Math.max(...shifts), 'px', 'pictures are 256 px wide')]
      : []),
    figure(
      'max_relative',
      Math.max(...harms.map(({ maxRelative }) => maxRelative)),
      '',
      'largest difference of a value, as a share of its tensor’s range',
    ),
  ];
}
