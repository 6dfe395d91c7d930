/**
 * What a publisher asks for in the console, and who signs carries out (docs/decisions/0023): an order. Its
 * message says what is to be done; only `admin` may publish to its topic. Its document says what became
 * of it, for the page, and nobody acts by a document.
 */
import { z } from 'zod';
import { documentKind, readEach } from '../cloud/document-kind.ts';
import { type DocumentData, DocumentExistsError, type DocumentStore } from '../cloud/documents.ts';
import type { EventPublisher } from '../cloud/event-publisher.ts';
import { ServiceError } from '../errors.ts';
import { modelId, modelVersion } from '../identity/client-data.ts';
import { DAY_MS } from '../time.ts';
import type { OperatorSession } from './session.ts';

export const RELEASE_ACTS = ['pause', 'resume', 'halt', 'rollBack'] as const;
export type ReleaseAct = (typeof RELEASE_ACTS)[number];

/** An order that is not carried out by then is not carried out at all: its author has seen that, and acted. */
export const MAX_ORDER_AGE_MS = 120_000;
const RETENTION_MS = 90 * DAY_MS;
const SHOWN = 100;

const wanted = {
  /** Made by the page: one that is sent again is the same order. */
  orderId: z.string().regex(/^o_[\w-]{22}$/),
  act: z.enum(RELEASE_ACTS),
  /** Of a rollout, its name; of a roll-back, the version for all, or null for the one that devices in no rollout have. */
  version: modelVersion.nullable(),
  /** Of the release record that its author saw: by another one it is not carried out. */
  serial: z.int().positive(),
  reason: z.string().trim().min(3).max(500),
};

/** What the page sends. */
export const wantedOrder = z
  .strictObject(wanted)
  .refine(({ act, version }) => act === 'rollBack' || version !== null, { path: ['version'] });
type WantedOrder = z.infer<typeof wantedOrder>;

/** A message of the topic. */
export const releaseOrder = z
  .strictObject({
    schema: z.literal(1),
    ...wanted,
    model: modelId,
    by: z.email(),
    /** When its author had signed in, and when he asked: ISO 8601. */
    signedInAt: z.iso.datetime(),
    orderedAt: z.iso.datetime(),
  })
  .refine(({ act, version }) => act === 'rollBack' || version !== null, { path: ['version'] });
export type ReleaseOrder = z.infer<typeof releaseOrder>;

const record = z.object({
  ...wanted,
  model: modelId,
  by: z.string(),
  orderedAt: z.date(),
  state: z.enum(['waiting', 'done', 'refused']),
  /** Why it was refused, in a stable word. */
  refusal: z.string().nullable(),
  answeredAt: z.date().nullable(),
  expireAt: z.date(),
});
export type OrderRecord = z.infer<typeof record>;

export const orderPath = (orderId: string): string => `orders/${orderId}`;
/** Throws on a document that this code did not write. */
export const readOrder = documentKind('order', record);

/** An order as the page shows it. */
export interface OrderView {
  readonly orderId: string;
  readonly act: ReleaseAct;
  readonly version: string | null;
  readonly by: string;
  readonly reason: string;
  readonly orderedAt: Date;
  /** `lapsed`: nobody carried it out in time, and nobody will. */
  readonly state: OrderRecord['state'] | 'lapsed';
  readonly refusal: string | null;
}

function viewOf(data: DocumentData, now: Date): OrderView {
  const { orderId, act, version, by, reason, orderedAt, state, refusal } = readOrder(data);
  const isOver = now.getTime() - orderedAt.getTime() > MAX_ORDER_AGE_MS;
  const shown = state === 'waiting' && isOver ? 'lapsed' : state;
  return { orderId, act, version, by, reason, orderedAt, state: shown, refusal };
}

/** The newest orders by their models, the newest first, and the paths of those that cannot be read. */
export async function newestOrders(
  documents: Pick<DocumentStore, 'query'>,
  now: Date,
): Promise<{
  readonly byModel: ReadonlyMap<string, readonly OrderView[]>;
  readonly unreadable: readonly string[];
}> {
  const found = await documents.query({
    collection: 'orders',
    orderBy: ['orderedAt', 'desc'],
    limit: SHOWN,
  });
  const { values, unreadable } = readEach(found, ({ data }) => ({
    model: String(data['model']),
    order: viewOf(data, now),
  }));
  const byModel = new Map<string, OrderView[]>();
  for (const { model, order } of values) {
    byModel.set(model, [...(byModel.get(model) ?? []), order]);
  }
  return { byModel, unreadable };
}

interface OrderServices {
  readonly documents: Pick<DocumentStore, 'create' | 'get'>;
  readonly publisher: EventPublisher;
}

/**
 * Hands an order on. Sent again, as after an answer that was lost, it is handed on again, and is carried
 * out once. Throws request_invalid where another order has its name, and unavailable while nobody takes it.
 */
export async function placeOrder(
  { documents, publisher }: OrderServices,
  model: string,
  asked: WantedOrder,
  { email, signedInAt }: Pick<OperatorSession, 'email' | 'signedInAt'>,
  now: Date,
): Promise<OrderView> {
  const expireAt = new Date(now.getTime() + RETENTION_MS);
  const document: OrderRecord = {
    ...{ ...asked, model, by: email, orderedAt: now },
    ...{ state: 'waiting', refusal: null, answeredAt: null, expireAt },
  };
  const path = orderPath(asked.orderId);
  try {
    await documents.create(path, { ...document });
  } catch (error) {
    if (!(error instanceof DocumentExistsError)) throw error;
    const data = await documents.get(path);
    if (!data || !isSame(readOrder(data), document)) {
      const violations = [{ pointer: '/orderId', detail: 'taken' }];
      throw new ServiceError('request_invalid', { violations });
    }
    if (data['state'] !== 'waiting') return viewOf(data, now);
  }
  const message: ReleaseOrder = {
    ...{ schema: 1, ...asked, model, by: email },
    ...{ signedInAt: signedInAt.toISOString(), orderedAt: now.toISOString() },
  };
  await publisher.publish('orders', message);
  return viewOf({ ...document }, now);
}

const SAME = ['act', 'version', 'serial', 'reason', 'model', 'by'] as const;
const isSame = (a: OrderRecord, b: OrderRecord): boolean =>
  SAME.every((member) => a[member] === b[member]);
