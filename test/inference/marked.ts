/** The copy of the n-th grant of a model that is measured: the same at each run. */
import { createHash } from 'node:crypto';
import { FINGERPRINT_BYTES, fingerprintFrom } from '../../functions/watermark/fingerprint.ts';
import { GRANT_BYTES, grantIdOf } from '../../functions/watermark/grant-id.ts';
import type { MarkedLayer } from '../../functions/watermark/plan.ts';
import { STRENGTHS, type Strength } from '../../functions/watermark/strength.ts';
import { markedCopy, resistantPlan } from '../watermark/model.ts';

export function markedFor(
  id: string,
  original: Uint8Array,
  layers: readonly MarkedLayer[],
  strength: Strength,
  grant: number,
): Uint8Array {
  const bytes = digest(`grant ${grant}`);
  const name =
    STRENGTHS[strength].names === 'grant'
      ? grantIdOf(bytes.subarray(0, GRANT_BYTES))
      : fingerprintFrom(bytes.subarray(0, FINGERPRINT_BYTES));
  const model = { bytes: original, layers, plan: resistantPlan(original, layers) };
  return markedCopy(model, digest(`trace key of ${id}`), name, strength);
}

const digest = (text: string) => createHash('sha256').update(text).digest();
