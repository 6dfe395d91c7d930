import type { Licence } from '../protocol/licence.ts';
import type { Manifest } from '../protocol/manifest.ts';

/** A phone's clock may be behind ours by this much before its licence seems not to have begun. */
const CLOCK_SKEW_SECONDS = 120;

/** From when to when a licence holds that is given at `now`, by the policy in the model's manifest. */
export function licenceTerms(
  { licenceSeconds, offlineGraceSeconds }: Manifest['policy'],
  now: Date,
): Pick<Licence, 'iat' | 'nbf' | 'exp' | 'offlineGraceSeconds'> {
  const iat = Math.floor(now.getTime() / 1000);
  return { iat, nbf: iat - CLOCK_SKEW_SECONDS, exp: iat + licenceSeconds, offlineGraceSeconds };
}
