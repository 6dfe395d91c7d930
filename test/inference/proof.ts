/** The steps that show that a protected model still works, and that an encrypted one does not. */

import { mustBe, type Story, timeText } from '../support/story.ts';
import { correlation, foreground, relativeDifference, sameBits } from './compare.ts';
import type { Delivered, Delivery } from './delivery.ts';
import type { TestModel } from './models.ts';
import { abstractPictures, selfies, standingPeople } from './pictures.ts';
import { ModelRefused, type Outputs, type Runtime } from './runtime.ts';

/** A person in the picture takes neither nothing nor all of it. */
const PERSON_SHARE = { least: 0.05, most: 0.95 };
/** From here on a pose model is believed to see a body. */
const PRESENCE = 0.9;
/** Below this, outputs have nothing to do with what they should be. */
const NOISE_CORRELATION = 0.5;

export async function tellProof(
  story: Story,
  delivery: Delivery,
  runtime: Runtime,
  model: TestModel,
): Promise<void> {
  const people = [...standingPeople(2), ...(model.landmarks ? [] : selfies(2))];
  const pictures = [...abstractPictures(), ...people];
  const inputs = pictures.map(({ pixels }) => pixels);
  let delivered: Delivered | undefined;
  let expected: readonly Outputs[] = [];

  await story.step(`${model.id}: published, granted, opened, stored and opened again`, async () => {
    delivered = await delivery.deliver(model);
    const { original, reopened, weightsEncrypted, layers } = delivered;
    mustBe(Buffer.compare(original, reopened) === 0, 'the reopened file is the original');
    mustBe(Buffer.compare(original, weightsEncrypted) !== 0, 'the delivered file is encrypted');
    return `${original.byteLength} bytes, ${layers} weight layers`;
  });
  if (!delivered) return;
  const { original, reopened, weightsEncrypted } = delivered;

  await story.step(`${model.id}: the original runs, and finds the people drawn`, async () => {
    const startedAt = performance.now();
    expected = await runtime.run(original, inputs);
    const ms = performance.now() - startedAt;
    const shares = expected
      .slice(-people.length)
      .map((outputs) => foreground(model.mask(outputs), model.maskThreshold));
    mustBe(
      shares.every((share) => share > PERSON_SHARE.least && share < PERSON_SHARE.most),
      `people take ${shares.map(percent).join(', ')} of the pictures`,
    );
    const presences = expected
      .slice(-people.length)
      .map((outputs) => model.presence?.(outputs) ?? 1);
    mustBe(Math.min(...presences) > PRESENCE, `presence is ${presences.join(', ')}`);
    return (
      `${pictures.map(({ name }) => name).join(', ')}: ${timeText(ms)}\n` +
      `people take ${shares.map(percent).join(', ')} of their pictures`
    );
  });

  await story.step(
    `${model.id}: the reopened model gives the same outputs, bit for bit`,
    async () => {
      const outputs = await runtime.run(reopened, inputs);
      mustBe(
        expected.length > 0 && sameBits(expected, outputs),
        'all bits of all outputs are equal',
      );
      const values = outputs.flat().reduce((sum, tensor) => sum + tensor.values.length, 0);
      return `${values} float32 values of ${outputs.flat().length} tensors`;
    },
  );

  await story.step(`${model.id}: with its weights encrypted it is useless`, async () => {
    try {
      const outputs = await runtime.run(weightsEncrypted, inputs);
      mustBe(expected.length > 0, 'there are outputs to compare with');
      return noiseText(expected, outputs);
    } catch (error) {
      if (!(error instanceof ModelRefused)) throw error;
      return `it does not load: ${error.message}`;
    }
  });
}

/** Says how far the outputs are off. Throws where any is like what it should be. */
function noiseText(expected: readonly Outputs[], actual: readonly Outputs[]): string {
  const pairs = expected.flatMap((outputs, i) =>
    outputs.map(({ values }, k) => [values, actual[i]?.[k]?.values ?? new Float32Array()] as const),
  );
  const finite = pairs.filter(([, values]) => values.every(Number.isFinite));
  const differences = finite.map(([a, b]) => relativeDifference(a, b));
  const correlations = finite.map(([a, b]) => Math.abs(correlation(a, b)));
  const text = `${pairs.length - finite.length} of ${pairs.length} output tensors are not finite`;
  if (finite.length === 0) return text;
  const [least, most] = [Math.min(...differences), Math.max(...correlations)];
  const details = `${text}; the others are off by ${percent(least)} and more of their range, correlation ${most.toFixed(3)} at most`;
  mustBe(most < NOISE_CORRELATION, details);
  return details;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
