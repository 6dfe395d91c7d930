/** The copy of the n-th grant of a model that is measured: the same at each run. */
import { createHash } from 'node:crypto';
import { FINGERPRINT_BYTES, fingerprintFrom } from '../../functions/watermark/fingerprint.ts';
import { GRANT_BYTES, grantIdOf } from '../../functions/watermark/grant-id.ts';
import { createMarker, type MarkerOptions } from '../../functions/watermark/marker.ts';
import { STRENGTHS, type Strength } from '../../functions/watermark/strength.ts';

export function markedFor(
  id: string,
  original: Uint8Array,
  layers: MarkerOptions['layers'],
  strength: Strength,
  grant: number,
): Uint8Array {
  const marked = Uint8Array.from(original);
  const bytes = digest(`grant ${grant}`);
  const name =
    STRENGTHS[strength].names === 'grant'
      ? grantIdOf(bytes.subarray(0, GRANT_BYTES))
      : fingerprintFrom(bytes.subarray(0, FINGERPRINT_BYTES));
  createMarker({ traceKey: digest(`trace key of ${id}`), name, layers, strength }).apply(marked, 0);
  return marked;
}

const digest = (text: string) => createHash('sha256').update(text).digest();
