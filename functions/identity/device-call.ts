/**
 * What every call of an enrolled device goes through inside its transaction: one read of all that
 * speaks for or against the device, the checks from the cheapest to the dearest, and one write of
 * what the call costs it. A refusal changes nothing.
 */
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import {
  type DocumentData,
  type DocumentStore,
  type DocumentTransaction,
  getNamed,
  type NamedDocuments,
  type NamedPaths,
} from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import {
  activeBlock,
  activeRestrictions,
  type Restrictions,
  wasBlockedLately,
} from '../fraud/blocklist.ts';
import { deviceLimitPaths } from '../fraud/limit-paths.ts';
import { consumeAll, type LimitPolicy } from '../fraud/limits.ts';
import { movePath, refuseIfMoved } from '../fraud/pseudonym-moves.ts';
import { blockPath } from '../fraud/subjects.ts';
import type { DeviceTraits } from '../protocol/rollout.ts';
import { type DeviceCallKind, type Obstacle, obstructs } from './admission-policy.ts';
import { isApproved, requireApproved } from './approval.ts';
import {
  type Challenges,
  challengePath,
  spentChallengeDocument,
  type VerifiedChallenge,
} from './challenge.ts';
import { checkDeviceProof, type DeviceProof, ownDevice } from './device-proof.ts';
import type { DeviceSealCheck, DeviceSeals } from './device-seal.ts';
import { type DeviceRecord, devicePath } from './devices.ts';
import { requireCurrentApp, requireSoundLaunch } from './running-app.ts';

/** What a call of a device takes, at the least. */
export interface DeviceCallServices {
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
  readonly deviceSeals: Pick<DeviceSeals, 'verifier'>;
}

export interface DeviceCall {
  readonly userId: string;
  readonly deviceId: string;
  /** The caller's network, which scoring may have slowed down; null or absent where it does not count. */
  readonly network?: string | null;
  readonly appVersion: string;
  /** What the device says of itself, to be remembered; what was said before stays where absent. */
  readonly traits?: DeviceTraits | undefined;
  readonly challenge: VerifiedChallenge;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
  /** Whether a device's record is what `enroll` made it; to be had before the transaction. */
  readonly isSealed: DeviceSealCheck;
  /** What the call is counted against, each at its document's path. */
  readonly limits: readonly { readonly policy: LimitPolicy; readonly path: string }[];
  /** What it asks for: admission-policy.ts says what stands in the way of that. */
  readonly kind: DeviceCallKind;
  /** By what its app and attestation are judged; a must for what these can stand in the way of. */
  readonly requirements?: DeviceRequirements;
}

export interface DeviceRequirements {
  readonly policy: AttestationPolicy;
  /** A device whose attestation is older has to attest anew. */
  readonly attestationMaxAgeSeconds: number;
}

export interface OpenDeviceCall<P extends NamedPaths> {
  readonly device: DeviceRecord;
  /** Only where a block is no refusal. */
  readonly blocked: boolean;
  /** An operator excepts the caller. */
  readonly exempt: boolean;
  /** An operator has declared the caller's network to be a fleet's. */
  readonly inFleet: boolean;
  /** A block of the user or the device, also one that has ended, is still remembered. */
  readonly restricted: boolean;
  /** The documents that were read along, by the names of their paths. */
  readonly documents: NamedDocuments<P>;
  /** The RateLimit fields for the response. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Verifies the proof and what it says of the running app, then spends the challenge and the limits
   * and moves the device's counter. Throws proof_invalid and device_not_trusted. Nothing may be read
   * from the transaction afterwards.
   */
  commit(): Promise<void>;
}

/**
 * Throws blocked, device_unknown, device_unapproved, reattestation_required, rate_limited,
 * challenge_spent, app_outdated, or unavailable where the user's name was moved meanwhile.
 */
export async function openDeviceCall<const P extends NamedPaths>(
  tx: DocumentTransaction,
  call: DeviceCall,
  paths: P,
  now: Date,
): Promise<OpenDeviceCall<P>> {
  const { userId, deviceId, challenge, limits, kind } = call;
  const isHeldUp = (obstacle: Obstacle) => obstructs(obstacle, kind);
  const { own, documents } = await getNamed(tx, {
    own: {
      move: movePath(userId),
      userBlock: blockPath({ kind: 'user', id: userId }),
      deviceBlock: blockPath({ kind: 'device', id: deviceId }),
      device: devicePath(deviceId),
      spent: challengePath(challenge),
      networkBlocks: call.network ? [blockPath({ kind: 'network', id: call.network })] : [],
      limits: limits.map(({ path }) => path),
    },
    documents: paths,
  });
  refuseIfMoved(own.move);
  const { userBlock, deviceBlock, networkBlocks } = own;
  const restrictions = [userBlock, deviceBlock].map((data) => activeRestrictions(data, now));
  if (isHeldUp('userBlocked')) refuseIfBlocked([userBlock], now);
  // Only the owner of a device may learn that it is blocked.
  const device = ownDevice(own.device, userId);
  await requireSealed(device, deviceId, call.isSealed);
  if (isHeldUp('deviceBlocked')) refuseIfBlocked([deviceBlock], now);
  if (isHeldUp('networkBlocked')) refuseNewcomers(device, networkBlocks, now);
  if (isHeldUp('unapproved')) requireApproved(device, now);
  if (isHeldUp('attestationOld')) requireRecentAttestation(device, requirementsOf(call), now);
  if (isHeldUp('stepUp')) requireSteppedUp(device, restrictions);
  const isThrottled = [userBlock, deviceBlock, ...networkBlocks].some(
    (data) => activeRestrictions(data, now).throttledUntil,
  );
  // A provisional device is slowed down itself: what its user did before it came is no reason.
  const provisional = isApproved(device, now) ? [] : deviceLimitPaths(deviceId);
  const isSlow = (path: string) =>
    isHeldUp('throttled') && (isThrottled || provisional.includes(path));
  const limit = consumeAll(
    limits.map(({ policy, path }, index) => ({
      policy: isSlow(path) ? slowed(policy) : policy,
      path,
      data: own.limits[index],
    })),
    now,
  );
  const { allowed, retryAfterSeconds, headers } = limit;
  if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });
  if (own.spent) throw new ServiceError('challenge_spent');
  const app = { appId: device.appId, appVersion: call.appVersion };
  if (isHeldUp('appWithdrawn')) requireCurrentApp(requirementsOf(call).policy, app);

  return {
    device,
    blocked: restrictions.some(({ block }) => block),
    exempt: [userBlock, deviceBlock].some((data) => activeRestrictions(data, now).allowedUntil),
    inFleet: networkBlocks.some((data) => activeRestrictions(data, now).allowedUntil),
    restricted: [userBlock, deviceBlock].some((data) => wasBlockedLately(data, now)),
    documents,
    headers,
    async commit() {
      const checked = await checkDeviceProof(device, call.proof, call.clientDataHash);
      const { signCount, extensions } = checked;
      if (isHeldUp('launchUnsound')) {
        requireSoundLaunch(requirementsOf(call).policy, app, extensions);
      }
      tx.create(challengePath(challenge), spentChallengeDocument(challenge));
      for (const { path, data } of limit.writes) tx.set(path, data);
      const said = call.traits && { traits: { ...call.traits } };
      tx.update(devicePath(deviceId), { signCount, appVersion: call.appVersion, ...said });
    },
  };
}

/** Throws device_unknown for a record that somebody else wrote: the phone enrols anew. */
export async function requireSealed(
  device: DeviceRecord,
  deviceId: string,
  isSealed: DeviceSealCheck,
): Promise<void> {
  if (await isSealed(deviceId, device)) return;
  throw new ServiceError('device_unknown', { reason: 'device_seal_invalid' });
}

/** Throws RangeError where a call that is judged by them comes without: never served by omission. */
function requirementsOf({ kind, requirements }: DeviceCall): DeviceRequirements {
  if (!requirements) throw new RangeError(`a ${kind} without requirements`);
  return requirements;
}

/** Throws reattestation_required for an attestation that is too old. */
function requireRecentAttestation(
  { enrolledAt }: DeviceRecord,
  { attestationMaxAgeSeconds }: DeviceRequirements,
  now: Date,
): void {
  if (now.getTime() - enrolledAt.getTime() <= attestationMaxAgeSeconds * 1000) return;
  throw new ServiceError('reattestation_required', { reason: 'attestation_old' });
}

/** Throws reattestation_required for an attestation that is older than scoring bears. */
function requireSteppedUp(
  { enrolledAt }: DeviceRecord,
  restrictions: readonly Restrictions[],
): void {
  const isDemanded = restrictions.some(({ stepUp }) => stepUp && enrolledAt <= stepUp.since);
  if (isDemanded) throw new ServiceError('reattestation_required', { reason: 'step_up' });
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
