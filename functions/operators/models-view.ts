/** The models of the open catalogue for the console: versions, who gets which, how that goes, and what was ordered. */
import { type ModelRecord, readModel, releaseOf } from '../catalogue/model-record.ts';
import { HALTING_STRENGTH, rolloutHealth } from '../catalogue/rollout-health.ts';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { Rule } from '../protocol/rollout-rules.ts';
import { newestOrders } from './release-order.ts';

const MAX_MODELS = 500;
/** Orders of a model that are shown. */
const SHOWN_ORDERS = 5;

interface Reads {
  readonly documents: Pick<DocumentStore, 'get' | 'query'>;
}

/** Personal models name their owners, and are not here. */
export async function modelsOf({ documents }: Reads, now: Date) {
  const [found, orders] = await Promise.all([
    documents.query({ collection: 'models', where: [['owner', '==', null]], limit: MAX_MODELS }),
    newestOrders(documents, now),
  ]);
  const { values, unreadable } = readEach(found, ({ data }) => readModel(data));
  const models = await Promise.all(
    values.map(async (model) => ({
      modelId: model.modelId,
      versions: versionsOf(model),
      release: await releaseView(documents, model),
      orders: (orders.byModel.get(model.modelId) ?? []).slice(0, SHOWN_ORDERS),
    })),
  );
  return {
    ...{ models, haltingStrength: HALTING_STRENGTH, isComplete: found.length < MAX_MODELS },
    unreadable: [...unreadable, ...orders.unreadable],
  };
}

/** The newest first. */
const versionsOf = ({ versions }: ModelRecord) =>
  Object.entries(versions)
    .map(([version, { format, sizeBytes, publishedAt, revoked, tracing, sealedShare }]) => {
      return { version, format, sizeBytes, publishedAt, revoked, tracing, sealedShare };
    })
    .sort((a, b) => b.publishedAt.getTime() - a.publishedAt.getTime());

async function releaseView(documents: Reads['documents'], model: ModelRecord) {
  const release = releaseOf(model);
  if (!release) return undefined;
  const rollouts = release.rules.slice(0, -1);
  const names = rollouts.map(({ name }) => name);
  const health = await rolloutHealth(documents, model.modelId, names);
  return {
    serial: release.serial,
    signedAt: new Date(release.iat * 1000),
    expiresAt: new Date(release.exp * 1000),
    offered: release.offered.map(({ manifestDigest: _, ...offer }) => offer),
    /** What devices have that are in no rollout. */
    forAll: release.rules.at(-1)?.name ?? null,
    rollouts: rollouts.map((rule) => ({
      ...rolloutView(rule),
      /** Null until enough has been reported. */
      health: health.find(({ name }) => name === rule.name) ?? null,
    })),
  };
}

const instant = (seconds: number | undefined): Date | null =>
  seconds === undefined ? null : new Date(seconds * 1000);

const rolloutView = ({ name, share, when, variants, steps = [], since, paused, halted }: Rule) => ({
  name,
  /** In ten-thousandths. */
  share,
  isConditional: when !== undefined,
  versions: variants.map(({ version }) => version),
  steps: steps.map(({ at, share }) => ({ at: new Date(at * 1000), share })),
  since: instant(since),
  paused: instant(paused),
  halted: instant(halted),
});
