/**
 * What every call of an enrolled device goes through inside its transaction: one read of all that
 * speaks for or against the device, the checks from the cheapest to the dearest, and one write of
 * what the call costs it. A refusal changes nothing.
 */
import type { AppAttestExtensions } from '../attestation/app-attest/authenticator-data.ts';
import {
  type DocumentData,
  type DocumentStore,
  type DocumentTransaction,
  getNamed,
  type NamedDocuments,
  type NamedPaths,
} from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { activeBlock, activeRestrictions, type Restrictions } from '../fraud/blocklist.ts';
import { consumeAll, type LimitPolicy } from '../fraud/limits.ts';
import { blockPath } from '../fraud/subjects.ts';
import {
  type Challenges,
  challengePath,
  spentChallengeDocument,
  type VerifiedChallenge,
} from './challenge.ts';
import { checkDeviceProof, type DeviceProof, ownDevice } from './device-proof.ts';
import { type DeviceRecord, devicePath } from './devices.ts';

/** What a call of a device takes, at the least. */
export interface DeviceCallServices {
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
}

export interface DeviceCall {
  readonly userId: string;
  readonly deviceId: string;
  /** The caller's network, which scoring may have slowed down; null or absent where it does not count. */
  readonly network?: string | null;
  readonly appVersion: string;
  readonly challenge: VerifiedChallenge;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
  /** What the call is counted against, each at its document's path. */
  readonly limits: readonly { readonly policy: LimitPolicy; readonly path: string }[];
  /** A device whose attestation is older has to attest anew; without limit where absent. */
  readonly attestationMaxAgeMs?: number;
  /** Reports are taken from blocked and slowed devices too: what they say is evidence. */
  readonly servedWhileBlocked?: boolean;
}

export interface OpenDeviceCall<P extends NamedPaths> {
  readonly device: DeviceRecord;
  /** Only where `servedWhileBlocked`: otherwise a block is a refusal. */
  readonly blocked: boolean;
  /** The documents that were read along, by the names of their paths. */
  readonly documents: NamedDocuments<P>;
  /** The RateLimit fields for the response. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Verifies the proof, then spends the challenge and the limits and moves the device's counter.
   * Gives what the proof says about the running app. Throws proof_invalid. Nothing may be read from
   * the transaction afterwards.
   */
  commit(): Promise<AppAttestExtensions>;
}

/** Throws blocked, device_unknown, reattestation_required, rate_limited or challenge_spent. */
export async function openDeviceCall<const P extends NamedPaths>(
  tx: DocumentTransaction,
  call: DeviceCall,
  paths: P,
  now: Date,
): Promise<OpenDeviceCall<P>> {
  const { userId, deviceId, challenge, limits } = call;
  const { own, documents } = await getNamed(tx, {
    own: {
      userBlock: blockPath({ kind: 'user', id: userId }),
      deviceBlock: blockPath({ kind: 'device', id: deviceId }),
      device: devicePath(deviceId),
      spent: challengePath(challenge),
      networkBlocks: call.network ? [blockPath({ kind: 'network', id: call.network })] : [],
      limits: limits.map(({ path }) => path),
    },
    documents: paths,
  });
  const { userBlock, deviceBlock, networkBlocks } = own;
  const restrictions = [userBlock, deviceBlock].map((data) => activeRestrictions(data, now));
  if (!call.servedWhileBlocked) refuseIfBlocked([userBlock], now);
  // Only the owner of a device may learn that it is blocked.
  const device = ownDevice(own.device, userId);
  if (!call.servedWhileBlocked) refuseIfBlocked([deviceBlock], now);
  refuseNewcomers(device, networkBlocks, now);
  if (!call.servedWhileBlocked) requireRecentAttestation(device, call, restrictions, now);
  const throttled =
    !call.servedWhileBlocked &&
    [userBlock, deviceBlock, ...networkBlocks].some(
      (data) => activeRestrictions(data, now).throttledUntil,
    );
  const limit = consumeAll(
    limits.map(({ policy, path }, index) => ({
      policy: throttled ? slowed(policy) : policy,
      path,
      data: own.limits[index],
    })),
    now,
  );
  const { allowed, retryAfterSeconds, headers } = limit;
  if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });
  if (own.spent) throw new ServiceError('challenge_spent');

  return {
    device,
    blocked: restrictions.some(({ block }) => block),
    documents,
    headers,
    async commit() {
      const checked = await checkDeviceProof(device, call.proof, call.clientDataHash);
      const { signCount, extensions } = checked;
      tx.create(challengePath(challenge), spentChallengeDocument(challenge));
      for (const { path, data } of limit.writes) tx.set(path, data);
      tx.update(devicePath(deviceId), { signCount, appVersion: call.appVersion });
      return extensions;
    },
  };
}

/** Throws reattestation_required for an attestation that is too old, or older than scoring bears. */
function requireRecentAttestation(
  { enrolledAt }: DeviceRecord,
  { attestationMaxAgeMs = Number.POSITIVE_INFINITY }: DeviceCall,
  restrictions: readonly Restrictions[],
  now: Date,
): void {
  const old = now.getTime() - enrolledAt.getTime() > attestationMaxAgeMs;
  const steppedUp = restrictions.some(({ stepUp }) => stepUp && enrolledAt <= stepUp.since);
  if (old || steppedUp) {
    const reason = old ? 'attestation_old' : 'step_up';
    throw new ServiceError('reattestation_required', { reason });
  }
}

/** Whom scoring throttles gets a third of the rate, and no burst. */
const slowed = (policy: LimitPolicy): LimitPolicy => ({
  ...policy,
  limit: Math.max(1, Math.floor(policy.limit / 3)),
  burst: 1,
});

/**
 * Throws blocked for a device that was enrolled after its network was: scoring closes a network in
 * which one new account after the other collects, and whoever was there before is served.
 */
function refuseNewcomers(
  { enrolledAt }: DeviceRecord,
  networkBlocks: readonly (DocumentData | undefined)[],
  now: Date,
): void {
  refuseIfBlocked(
    networkBlocks.filter((data) => {
      const block = activeBlock(data, now);
      return block && enrolledAt > block.createdAt;
    }),
    now,
  );
}

/** Throws blocked, with the end of the longest block among these restriction documents. */
export function refuseIfBlocked(documents: readonly (DocumentData | undefined)[], now: Date): void {
  const ends = documents.flatMap((data) => activeBlock(data, now)?.until.getTime() ?? []);
  if (ends.length === 0) return;
  throw new ServiceError('blocked', {
    retryAfterSeconds: Math.ceil((Math.max(...ends) - now.getTime()) / 1000),
  });
}
