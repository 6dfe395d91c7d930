import type { Licence } from '../protocol/licence.ts';
import type { Manifest } from '../protocol/manifest.ts';

/** A phone's clock may be behind ours by this much before its licence seems not to have begun. */
const CLOCK_SKEW_SECONDS = 120;

/** Lifetimes: the policy that the publisher signed, and what the deployment gives at most. */
export type Lifetimes = Pick<Manifest['policy'], 'licenceSeconds' | 'offlineGraceSeconds'>;

/**
 * From when to when a licence holds that is given at `now`: by the policy in the model's manifest, and
 * no longer than `most`. Manifests live for years and say what the deployment gave then; what it gives
 * now bounds the delegate's certificate, and phones refuse a licence beyond it.
 */
export function licenceTerms(
  policy: Lifetimes,
  most: Lifetimes,
  now: Date,
): Pick<Licence, 'iat' | 'nbf' | 'exp' | 'offlineGraceSeconds'> {
  const iat = Math.floor(now.getTime() / 1000);
  return {
    iat,
    nbf: iat - CLOCK_SKEW_SECONDS,
    exp: iat + Math.min(policy.licenceSeconds, most.licenceSeconds),
    offlineGraceSeconds: Math.min(policy.offlineGraceSeconds, most.offlineGraceSeconds),
  };
}
