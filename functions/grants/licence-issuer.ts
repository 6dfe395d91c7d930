import type { KeyService } from '../cloud/keys.ts';
import {
  createDelegate,
  type Licence,
  type LicenceDelegate,
  signLicence,
} from '../protocol/licence.ts';

/** A licence must not be signed by a delegate that ends while the answer is on its way. */
const MARGIN_MS = 120_000;
/** What a delegate's certificate bears; licence.ts. */
const AHEAD_MS = 60_000;

export interface LicenceIssuer {
  /** The signed licence; costs a signature of the key service once an hour for each instance. */
  issue(licence: Omit<Licence, 'v'>, now: Date): Promise<string>;
}

/** Keeps one delegate in memory and makes the next before it ends. */
export function createLicenceIssuer(
  keys: Pick<KeyService, 'sign' | 'signingKid'>,
  maxLicenceSeconds: number,
): LicenceIssuer {
  let current: Promise<LicenceDelegate> | undefined;
  let usableUntil = 0;
  let madeAt = 0;

  const renew = async (now: Date): Promise<LicenceDelegate> => {
    madeAt = now.getTime();
    const kid = await keys.signingKid('licence');
    const sign = (message: Uint8Array) => keys.sign(kid, message);
    const delegate = await createDelegate({ kid, sign, now, maxLicenceSeconds });
    usableUntil = delegate.expiresAt.getTime() - MARGIN_MS;
    return delegate;
  };

  return {
    async issue(licence, now) {
      // Made while this clock was ahead, it would certify no licence of now: devices would refuse them all.
      const isAhead = now.getTime() < madeAt - AHEAD_MS;
      if (!current || isAhead || (usableUntil > 0 && now.getTime() >= usableUntil)) {
        usableUntil = 0;
        current = renew(now).catch((error: unknown) => {
          current = undefined;
          throw error;
        });
      }
      return signLicence(licence, await current);
    },
  };
}
