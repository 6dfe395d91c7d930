/** From an event to a device's vote on a version, while a rollout of its model is under way. */
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { FraudEvent } from '../fraud/events.ts';
import { grantPath, readGrant } from '../grants/grant-record.ts';
import { isApproved } from '../identity/approval.ts';
import { devicePath, readDevice } from '../identity/devices.ts';
import type { Rule } from '../protocol/rollout-rules.ts';
import { readModel, releaseOf } from './model-record.ts';
import { blankVote, readVote, rolloutKey, type Said, voted, votePath } from './rollout-votes.ts';

type Documents = Pick<DocumentStore, 'query' | 'transaction'>;

/** Longer than anybody waits for a model with good will. */
const SLOW_MS = 20_000;
/** Models at once; the votes of others are not kept, and nothing is halted for them. */
export const MAX_ROLLOUTS = 200;
/** How long an instance believes what it read of the rollouts under way. */
const KNOWN_MS = 60_000;

/** What an event says of the version of its grant; undefined for all others. */
function saidBy({ type, eventId, attributes }: FraudEvent): Said | undefined {
  if (type === 'grant.made') return { sealing: 'ok' };
  if (type === 'grant.slow') return { sealing: 'slow' };
  if (type === 'grant.failed') return { sealing: 'failed' };
  if (type === 'model.crashed') return { run: 'crashed' };
  if (type === 'model.open_failed') return { opening: 'failed', eventId };
  if (type !== 'model.opened') return undefined;
  return { opening: Number(attributes['tookMs'] ?? 0) > SLOW_MS ? 'slow' : 'ok', eventId };
}

/**
 * Notes what an event says, if it is one of the device that the grant was made for. A device counts that
 * its user has approved: whether it was there before the rollout began, who counts looks.
 */
export async function recordVote(
  documents: Documents,
  event: FraudEvent,
  now: Date,
): Promise<void> {
  const said = saidBy(event);
  const { model, grant: grantId, device: deviceId } = event;
  if (!said || event.authenticated !== 'device' || !model || !grantId || !deviceId) return;
  const rules = (await rolloutsUnderWay(documents, now)).get(model);
  if (!rules) return;
  await documents.transaction(async (tx) => {
    const [grantData, deviceData] = await tx.getAll([grantPath(grantId), devicePath(deviceId)]);
    const grant = grantData && readGrant(grantData);
    const device = deviceData && readDevice(deviceData);
    if (grant?.device !== deviceId || grant.model !== model) return;
    if (!device || device.retiredAt || !isApproved(device, now)) return;
    const rule = rules.find(({ variants }) =>
      variants.some(({ version }) => version === grant.version),
    );
    if (!rule) return;
    const path = votePath(model, rule.name, deviceId);
    const [data] = await tx.getAll([path]);
    const vote = data
      ? readVote(data)
      : blankVote(rolloutKey(model, rule.name), { ...device, device: deviceId }, now);
    const next = voted(vote, said, now);
    if (JSON.stringify(next) === JSON.stringify(vote)) return;
    tx.set(path, { ...next, traits: next.traits && { ...next.traits } });
  });
}

type Rollouts = ReadonlyMap<string, readonly Rule[]>;

/** As this instance read them last, by the database that they came from. */
const known = new WeakMap<
  object,
  { readonly until: number; readonly rollouts: Promise<Rollouts> }
>();

function rolloutsUnderWay(documents: Documents, now: Date): Promise<Rollouts> {
  const last = known.get(documents);
  if (last && now.getTime() < last.until) return last.rollouts;
  const rollouts = readRollouts(documents);
  known.set(documents, { until: now.getTime() + KNOWN_MS, rollouts });
  rollouts.catch(() => known.delete(documents));
  return rollouts;
}

async function readRollouts(documents: Documents): Promise<Rollouts> {
  const found = await documents.query({
    collection: 'models',
    where: [['rollingOut', '==', true]],
    limit: MAX_ROLLOUTS,
  });
  // Of a model that cannot be read nobody counts votes; `rollouts` tells of it.
  const { values } = readEach(found, ({ data }) => readModel(data));
  return new Map(values.map((model) => [model.modelId, releaseOf(model)?.rules ?? []]));
}
