/** What a plan gives a user in a day, from midnight to midnight UTC: grants, and different models. */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';

export interface Plan {
  readonly grantsPerDay: number;
  readonly modelsPerDay: number;
  /** Models that are new to a user, in thirty days; as everybody's where absent. */
  readonly newModelsPerMonth?: number | undefined;
}

/** `default` is the plan of those whose token names none, or one that we do not know. */
export type Plans = Readonly<Record<string, Plan>> & { readonly default: Plan };

const DAY_MS = 86_400_000;

const read = documentKind(
  'quota',
  z.object({
    /** Days since 1970. */
    day: z.int(),
    grants: z.int(),
    models: z.array(z.string()),
  }),
);

export function planOf(plans: Plans, claimed: string | null): Plan {
  const known = claimed !== null && Object.hasOwn(plans, claimed) ? plans[claimed] : undefined;
  return known ?? plans.default;
}

export interface QuotaDecision {
  /** To be set in the same transaction. */
  readonly document: DocumentData;
  /** The RateLimit fields of the quota. */
  readonly headers: Readonly<Record<'RateLimit-Policy' | 'RateLimit', string>>;
}

/** Spends one grant of `modelId`. Throws quota_exceeded until the next midnight UTC. */
export function consumeQuota(
  plan: Plan,
  data: DocumentData | undefined,
  modelId: string,
  now: Date,
): QuotaDecision {
  const stored = data && read(data);
  // One who was dated before midnight and comes after it must not begin the day anew.
  const day = Math.max(Math.floor(now.getTime() / DAY_MS), stored?.day ?? 0);
  const used = stored?.day === day ? stored : { day, grants: 0, models: [] as string[] };
  const grants = used.grants + 1;
  const models = used.models.includes(modelId) ? used.models : [...used.models, modelId];
  const endsAt = new Date((day + 1) * DAY_MS);
  const resetSeconds = Math.ceil((endsAt.getTime() - now.getTime()) / 1000);
  const headersFor = (left: { readonly grants: number; readonly models: number }) => ({
    'RateLimit-Policy': `"day-grants";q=${plan.grantsPerDay};w=86400, "day-models";q=${plan.modelsPerDay};w=86400`,
    RateLimit: `"day-grants";r=${left.grants};t=${resetSeconds}, "day-models";r=${left.models};t=${resetSeconds}`,
  });
  const left = (spent: number, of: number) => Math.max(0, of - spent);
  if (grants > plan.grantsPerDay || models.length > plan.modelsPerDay) {
    throw new ServiceError('quota_exceeded', {
      reason: grants > plan.grantsPerDay ? 'day_grants' : 'day_models',
      retryAfterSeconds: resetSeconds,
      headers: headersFor({
        grants: left(used.grants, plan.grantsPerDay),
        models: left(used.models.length, plan.modelsPerDay),
      }),
    });
  }
  return {
    document: { day, grants, models, expireAt: endsAt },
    headers: headersFor({
      grants: left(grants, plan.grantsPerDay),
      models: left(models.length, plan.modelsPerDay),
    }),
  };
}

/**
 * The document with one grant given back that was counted at `at`, to be set in the transaction that
 * makes sure that this happens once; undefined where that day's count is gone. The model stays
 * counted, as another grant of it may have been made: asking for it again costs none.
 */
export function returnQuota(data: DocumentData | undefined, at: Date): DocumentData | undefined {
  if (!data) return undefined;
  const { day, grants } = read(data);
  if (day !== Math.floor(at.getTime() / DAY_MS) || grants === 0) return undefined;
  return { ...data, grants: grants - 1 };
}
