/** Which devices a published version is for: a new release record, also where it goes back to an older one. */
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { deviceIdFrom, readDevice } from '../identity/devices.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { EVERYBODY, isForAll, type Offer, offerFor } from '../protocol/rollout.ts';
import { modelPath, readModel, writeModel } from './model-record.ts';
import {
  cataloguedRelease,
  type Offered,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  signRelease,
  vouchedOffer,
} from './releases.ts';

export interface RolloutServices extends ReleaseServices {
  readonly documents: Pick<DocumentStore, 'query' | 'transaction'>;
}

/** What is asked for. */
export interface Rollout extends Pick<Offer, 'version' | 'share' | 'platform' | 'minAppVersion'> {
  readonly modelId: string;
  /** Only tell what would be on offer. */
  readonly dryRun?: boolean;
}

/** Devices that a preview looks at, those that enrolled last. */
const SAMPLE = 1_000;

/** What is on offer, and how many of the newest devices would have each version. */
export interface RolloutResult {
  readonly offered: Offered;
  readonly devices: number;
  readonly byVersion: Readonly<Record<string, number>>;
}

/**
 * Offers a version to the devices that are named: beside what was on offer, or in its place where that
 * is all of them. Throws model_unknown for a version that is not there or revoked, version_conflict where
 * all devices have it already, and SealError where it is not the publisher's.
 */
export async function rollOut(
  services: RolloutServices,
  { modelId, dryRun = false, ...wanted }: Rollout,
  now: Date,
): Promise<RolloutResult> {
  const { documents } = services;
  const remembered = await rememberedRelease(services, modelId);
  const { offered, release } = await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([modelPath(modelId)]);
    const model = data && readModel(data);
    const entry = model?.versions[wanted.version];
    if (!model || !entry || entry.revoked) throw new ServiceError('model_unknown');
    const catalogued = await cataloguedRelease(services, model);
    const isBehind = remembered !== undefined && remembered.serial > (catalogued?.serial ?? 0);
    const before = (isBehind ? remembered : catalogued)?.offered ?? [];
    const offer = await vouchedOffer(services, modelId, wanted.version, entry);
    const offered = offeredWith(before, { ...wanted, ...offer });
    if (dryRun) return { offered, release: undefined };
    const signed = await signRelease(services, modelId, [remembered, catalogued], offered, now);
    writeModel(tx, { ...model, ...signed });
    return { offered, release: signed.release };
  });
  if (release !== undefined) await rememberRelease(services, modelId, release);
  return { offered, ...(await preview(documents, modelId, offered)) };
}

/** The offers from now on: the wanted one first, and at the end the one that is for all. */
function offeredWith(before: Offered, wanted: Offer): Offered {
  if (isForAll(wanted)) {
    const { version, manifestDigest } = wanted;
    return [{ version, manifestDigest }];
  }
  const others = before.filter(({ version }) => version !== wanted.version);
  const last = others.at(-1);
  if (!last || !isForAll(last)) throw new ServiceError('version_conflict', { reason: 'for_all' });
  return [wanted, ...others];
}

async function preview(
  documents: RolloutServices['documents'],
  model: string,
  offered: Offered,
): Promise<Pick<RolloutResult, 'devices' | 'byVersion'>> {
  const found = await documents.query({
    collection: 'devices',
    orderBy: ['enrolledAt', 'desc'],
    limit: SAMPLE,
  });
  const byVersion: Record<string, number> = {};
  for (const { path, data } of found) {
    const { platform, appVersion } = readDevice(data);
    const device = { deviceId: deviceIdFrom(path), platform, appVersion };
    const version = offerFor(nodeCrypto, { model, offered }, device)?.version ?? 'none';
    byVersion[version] = (byVersion[version] ?? 0) + 1;
  }
  return { devices: found.length, byVersion };
}

/** Ten-thousandths of a percentage with at most two decimals. Throws RangeError. */
export function shareOf(percent: string): number {
  const share = Math.round(Number(percent) * 100);
  if (!/^\d{1,3}(?:\.\d{1,2})?$/.test(percent) || share < 1 || share > EVERYBODY) {
    throw new RangeError('--percent: from 0.01 to 100');
  }
  return share;
}
