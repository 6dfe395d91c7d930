import { ServiceError } from '../errors.ts';
import type { Emit } from '../fraud/event-delivery.ts';
import type { EventInput } from '../fraud/events.ts';

/**
 * Runs `work` and lets its refusal leave a trace: an event with the precise reason, which the caller
 * never sees. `observed` is read when the refusal happens, so that `work` can add what it learnt.
 */
export async function withRefusalEvents<T>(
  services: { readonly emit: Emit },
  now: Date,
  observed: EventInput,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ServiceError && error.code !== 'internal') {
      const type = SPECIAL[error.reason] ?? SPECIAL[error.code] ?? observed.type;
      const attributes = { ...observed.attributes, reason: error.reason.slice(0, 200) };
      const event = {
        ...observed,
        type,
        outcome: 'refused',
        cause: error.code,
        attributes,
        ...(error.proven && { authenticated: 'device' as const }),
      } as const;
      await services.emit(event, now);
    }
    throw error;
  }
}

/** Refusals that mean more than that a call was refused. */
const SPECIAL: Readonly<Record<string, EventInput['type']>> = {
  challenge_spent: 'challenge.replayed',
  'counter-replayed': 'counter.regressed',
  rate_limited: 'limit.hit',
  quota_exceeded: 'limit.hit',
};
