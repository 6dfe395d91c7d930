/**
 * Carries out what a publisher ordered in the console, as `modelseal release` does: whoever signs with the
 * publisher's key believes nobody's word that somebody may, and looks for himself.
 */
import type { RolloutServices } from '../catalogue/change-release.ts';
import { type ModelRecord, modelPath, readModel, releaseOf } from '../catalogue/model-record.ts';
import { haltRollout, pauseRollout, resumeRollout, rollBack } from '../catalogue/steer-rollout.ts';
import type { DocumentStore, DocumentTransaction } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { SealError } from '../protocol/errors.ts';
import { auditEntry } from './audit.ts';
import { rolesOf } from './console-settings.ts';
import {
  MAX_ORDER_AGE_MS,
  type OrderRecord,
  orderPath,
  type ReleaseOrder,
  readOrder,
  releaseOrder,
} from './release-order.ts';
import { mayDo, OPERATIONS } from './roles.ts';
import type { ConsoleAccess } from './session.ts';

export interface CarryOutServices extends RolloutServices {
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
  readonly consoleAccess: ConsoleAccess | null;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** What became of a message. `repeated`: it had been answered before. */
export type OrderOutcome =
  | { readonly state: 'done' | 'repeated'; readonly order: ReleaseOrder }
  | { readonly state: 'refused'; readonly order: ReleaseOrder | null; readonly refusal: string };

/** Another instance's clock may be ahead of ours by so much. */
const MAX_CLOCK_SKEW_MS = 5_000;

class OrderRefusal extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`order refused: ${reason}`);
    this.reason = reason;
  }
}

/** The order was answered before: nothing is to be done. */
class Answered extends Error {}

/**
 * Carries out an order once, or refuses it, and notes which in its document. The new release record, the
 * audit entry and the order's state are written together. Throws what may go away by itself, to be asked
 * again until the order is too old.
 */
export async function carryOutOrder(
  services: CarryOutServices,
  message: unknown,
  now: Date,
): Promise<OrderOutcome> {
  const parsed = releaseOrder.safeParse(message);
  if (!parsed.success) return { state: 'refused', order: null, refusal: 'not_an_order' };
  const order = parsed.data;
  try {
    requireAuthor(order, services.consoleAccess, now);
    await act(withOrder(services, order, now), order, now);
    return { state: 'done', order };
  } catch (error) {
    if (error instanceof Answered) return { state: 'repeated', order };
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    await noteRefusal(services, order, refusal, now);
    return { state: 'refused', order, refusal };
  }
}

/** By the roles of now, a sign-in that was fresh when he asked, and an order of the last minutes. */
function requireAuthor(
  { act, by, signedInAt, orderedAt }: ReleaseOrder,
  access: ConsoleAccess | null,
  now: Date,
): void {
  if (!access) throw new OrderRefusal('no_console');
  const operation = `release.${act}` as const;
  if (!mayDo(rolesOf(access.settings, by), operation)) throw new OrderRefusal('role_missing');
  const ageMs = now.getTime() - Date.parse(orderedAt);
  if (ageMs > MAX_ORDER_AGE_MS || ageMs < -MAX_CLOCK_SKEW_MS) throw new OrderRefusal('too_old');
  const signInAgeMs = Date.parse(orderedAt) - Date.parse(signedInAt);
  const isFresh = signInAgeMs >= 0 && signInAgeMs <= access.settings.stepUpSeconds * 1000;
  if (OPERATIONS[operation].stepUp && !isFresh) throw new OrderRefusal('sign_in_again');
}

/** The services, with the order looked at before each change of the model and answered together with it. */
function withOrder(services: CarryOutServices, order: ReleaseOrder, now: Date): RolloutServices {
  const { documents } = services;
  const reason = { by: order.by, reason: order.reason };
  const subject = `model_${order.model}`;
  const action = `release-${order.act.toLowerCase()}`;
  return {
    ...services,
    documents: {
      query: documents.query,
      transaction: (work) =>
        documents.transaction(async (tx) => {
          const record = await waiting(tx, order);
          const result = await work(tx);
          tx.set(orderPath(order.orderId), { ...record, state: 'done', answeredAt: now });
          tx.create(...auditEntry(services, subject, action, reason, now));
          return result;
        }),
    },
  };
}

/** The order's document while it waits, and the model is as its author saw it. */
async function waiting(tx: DocumentTransaction, order: ReleaseOrder): Promise<OrderRecord> {
  const [data, model] = await tx.getAll([orderPath(order.orderId), modelPath(order.model)]);
  if (!data) throw new OrderRefusal('order_unknown');
  const record = readOrder(data);
  if (record.state !== 'waiting') throw new Answered();
  if (!model) throw new OrderRefusal('model_unknown');
  requireState(order, readModel(model));
  return record;
}

function requireState({ act, version, serial }: ReleaseOrder, model: ModelRecord): void {
  // Of a personal model the console shows nothing.
  if (model.owner !== null) throw new OrderRefusal('model_unknown');
  const release = releaseOf(model);
  if (release?.serial !== serial) throw new OrderRefusal('release_moved');
  if (act !== 'rollBack' || version === null) return;
  const publishedAt = (name: string) => model.versions[name]?.publishedAt.getTime() ?? 0;
  const newest = Math.max(...release.offered.map((offer) => publishedAt(offer.version)));
  // Back, not forth: what nobody has yet is offered by the publisher's own command.
  if (publishedAt(version) >= newest) throw new OrderRefusal('not_older');
}

function act(services: RolloutServices, order: ReleaseOrder, now: Date): Promise<unknown> {
  const { act, model: modelId, version } = order;
  if (act === 'rollBack') {
    return rollBack(services, { modelId, ...(version !== null && { version }) }, now);
  }
  const steer = { pause: pauseRollout, resume: resumeRollout, halt: haltRollout }[act];
  return steer(services, { modelId, version: version ?? '' }, now);
}

/** In a stable word; undefined for what may go away by itself. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof OrderRefusal) return error.reason;
  if (error instanceof SealError) return error.code;
  const isOurs = error instanceof ServiceError && error.code !== 'unavailable';
  return isOurs ? error.reason : undefined;
}

async function noteRefusal(
  { documents }: Pick<CarryOutServices, 'documents'>,
  { orderId }: ReleaseOrder,
  refusal: string,
  now: Date,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([orderPath(orderId)]);
    if (data?.['state'] !== 'waiting') return;
    tx.set(orderPath(orderId), { ...data, state: 'refused', refusal, answeredAt: now });
  });
}
