/** What a decision about a collection takes, and what it consists of. */
import type { StoredDocument } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { PoolName } from '../fraud/baseline.ts';
import type { DeviceRecord } from '../identity/devices.ts';
import type { PhoneMarks } from '../identity/phone-marks.ts';
import { DAY_MS, DAY_SECONDS } from '../time.ts';

/** What admission knows of the caller. */
export interface CollectionCaller {
  readonly userId: string;
  /** Excepted by an operator. */
  readonly exempt: boolean;
  /** The network of a declared fleet that the caller is in; null where none is. */
  readonly fleet: string | null;
  /** Blocked within the memory of blocks. */
  readonly restricted: boolean;
  readonly phone: PhoneMarks | null;
  readonly device: Pick<DeviceRecord, 'approvedFrom' | 'enrolledAt'>;
  readonly newModelsPerMonth: number | undefined;
}

export interface Collection {
  /** For the record and the event of the grant. */
  readonly facts: CollectionFacts;
  /** To be written with the grant. */
  readonly writes: readonly StoredDocument[];
  /** Throws quota_exceeded where the model is new to the user and may not be added now. To be called after the proof. */
  permit(): void;
}

export interface CollectionFacts {
  /** The first time that the user has it. */
  readonly fresh: boolean;
  readonly newcomer: boolean;
  readonly rare: boolean;
  readonly charges: readonly PoolName[];
}

/** A device that no other one approved is believed after so long. */
const STRANGE_MS = 30 * DAY_MS;

/** Whether a device came beside others of its user and none of them approved it. */
export const isStrange = (
  { approvedFrom, enrolledAt }: CollectionCaller['device'],
  now: Date,
): boolean => approvedFrom !== null && now.getTime() - enrolledAt.getTime() < STRANGE_MS;

const MAX_WAIT_SECONDS = 30 * DAY_SECONDS;

/** Why a model may not be added now: quota_exceeded, proven, since it is thrown after the device's proof was verified. */
export const collectionRefusal = (reason: string, waitSeconds: number): ServiceError =>
  new ServiceError('quota_exceeded', {
    reason,
    proven: true,
    retryAfterSeconds: Math.ceil(Math.min(waitSeconds, MAX_WAIT_SECONDS)),
  });
