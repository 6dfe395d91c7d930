/** Who calls: a user by his token, and from where; and whether this instance has heard enough of him. */
import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../errors.ts';
import { createInMemoryRateLimiter } from '../fraud/in-memory-rate-limiter.ts';
import type { Pseudonyms } from '../fraud/pseudonym-moves.ts';
import type { UserTokens } from '../identity/user-token.ts';
import { clientAddress } from './client-address.ts';

export interface Caller {
  /** The user's pseudonym. */
  readonly userId: string;
  /** What the user's token says of his plan; null where it says nothing. */
  readonly plan: string | null;
  /** Keyed hash of the caller's network; null where the address is unknown. */
  readonly network: string | null;
}

export interface Callers {
  /** Throws token_invalid, unavailable where an issuer's keys are out of reach or his name is being moved, and rate_limited. */
  identify(
    headers: IncomingHttpHeaders,
    remoteAddress: string | undefined,
    now: Date,
  ): Promise<Caller>;
}

export interface CallersOptions {
  readonly userTokens: UserTokens;
  readonly pseudonyms: Pseudonyms;
  /** Which entry of X-Forwarded-For is the caller's address, counted from the right. */
  readonly addressAt: number;
}

/** What one instance takes of one user, of all calls together: no app comes near it. */
const INSTANCE_LIMIT = { name: 'instance', limit: 600, windowSeconds: 60, burst: 120 };

export function createCallers({ userTokens, pseudonyms, addressAt }: CallersOptions): Callers {
  const rateLimiter = createInMemoryRateLimiter({ policy: INSTANCE_LIMIT, maxCallers: 10_000 });

  /** Throws rate_limited before anything is asked of the database. */
  const refuseFlood = (userId: string, now: Date): void => {
    const retryAfterSeconds = rateLimiter.waitSeconds(userId, now);
    if (retryAfterSeconds > 0) {
      throw new ServiceError('rate_limited', { reason: 'instance_flood', retryAfterSeconds });
    }
  };

  return {
    async identify(headers, remoteAddress, now) {
      const address = clientAddress(headers['x-forwarded-for'], remoteAddress, addressAt);
      const user = await userTokens.verify(headers.authorization, now);
      const name = pseudonyms.user(user.issuer, user.subject);
      refuseFlood(name, now);
      const place = address ? pseudonyms.network(address) : null;
      const [userId, network] = await Promise.all([
        pseudonyms.current(name),
        place && pseudonyms.current(place),
      ]);
      return { userId, plan: user.plan ?? null, network };
    },
  };
}
