/**
 * What binds a model to its owner: a token of the publisher's key, so that nobody who can write the
 * database opens a personal model to another user, or to all (docs/decisions/0018).
 */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import type { KeyService } from '../cloud/keys.ts';
import { ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { SealError } from '../protocol/errors.ts';
import { pinnedPayload, signJws } from '../protocol/jws.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import type { RolloutDevice } from '../protocol/rollout.ts';
import { type ModelRecord, type OfferedVersion, readModel, versionFor } from './model-record.ts';

const TYP = 'modelseal-owner+jwt';

const payload = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  /** As he was named when it was sealed: his later names follow from it. Null for the catalogue. */
  owner: z.string().nullable(),
});

/** Whether the publisher sealed this model for this owner. */
export type OwnerSealCheck = (
  model: Pick<ModelRecord, 'modelId' | 'owner' | 'ownerSeal'>,
) => Promise<boolean>;

/** The seal of a model's owner; costs a signature of the key service. */
export async function sealOwner(
  keys: Pick<KeyService, 'sign' | 'signingKid'>,
  model: string,
  owner: string | null,
): Promise<string> {
  const kid = await keys.signingKid('manifest');
  const sealed: z.infer<typeof payload> = { v: 1, model, owner };
  return signJws({ typ: TYP, kid }, sealed, (message) => keys.sign(kid, message));
}

export interface OwnerSeals {
  /** To be had before a transaction: the first one asks the key service for its public keys. */
  verifier(): Promise<OwnerSealCheck>;
}

export interface OwnerSealOptions {
  readonly keys: Pick<KeyService, 'publicKeys'>;
  /** Whether a user of the first name may have the second one by now. */
  readonly isNameOf: (sealed: string, stored: string) => boolean;
  readonly log: Log;
}

export const createOwnerSeals = ({ keys, isNameOf, log }: OwnerSealOptions): OwnerSeals => ({
  async verifier() {
    const trusted = await keys.publicKeys('manifest');
    return async ({ modelId, owner, ownerSeal }) => {
      const sealed = await sealedIn(ownerSeal, trusted);
      const isOwner =
        sealed !== undefined &&
        (sealed.owner === null || owner === null
          ? sealed.owner === owner
          : isNameOf(sealed.owner, owner));
      const holds = isOwner && sealed.model === modelId;
      if (!holds) log('ERROR', 'model record not as it was sealed', { model: modelId });
      return holds;
    };
  },
});

/**
 * The version of a model that the publisher sealed for its owner. Throws as `versionFor` does, and
 * unavailable for a model that was not: whose it is has been written by somebody else.
 */
export async function sealedVersionFor(
  data: DocumentData | undefined,
  request: {
    readonly version: string;
    readonly userId: string;
    /** Whose `latest` it is; renewals name a version. */
    readonly device?: RolloutDevice;
  },
  isOwnerSealed: OwnerSealCheck,
  now: Date,
): Promise<OfferedVersion> {
  const version = versionFor(data, request.version, request.userId, now, request.device);
  if (data && (await isOwnerSealed(readModel(data)))) return version;
  throw new ServiceError('unavailable', { reason: 'owner_seal_invalid' });
}

async function sealedIn(seal: string, trusted: Awaited<ReturnType<KeyService['publicKeys']>>) {
  try {
    const signed = { typ: TYP, purpose: 'manifest' };
    return payload.safeParse(await pinnedPayload(nodeCrypto, seal, signed, trusted)).data;
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}
