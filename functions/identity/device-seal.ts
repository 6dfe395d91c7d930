/**
 * What binds the record of a device: a token of the key `device`, which only the function `enroll`
 * signs with. Whoever can write the database and is not `enroll` makes no device, gives none to
 * another user, and makes none better than it was attested (docs/decisions/0018).
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KeyService } from '../cloud/keys.ts';
import type { Log } from '../log.ts';
import { lengthPrefixed, toBase64url } from '../protocol/encoding.ts';
import { SealError } from '../protocol/errors.ts';
import { pinnedPayload, signJws } from '../protocol/jws.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { type AttestedDevice, type DeviceRecord, deviceIdOf } from './devices.ts';

const TYP = 'modelseal-device+jwt';

const payload = z.strictObject({
  v: z.literal(1),
  device: z.string(),
  /** As he was named when it was sealed: his later names follow from it. */
  user: z.string(),
  /** Digest of the other members that are bound, base64url. */
  record: z.string(),
});

/** Whether the record is the one that was sealed for the device of this id. */
export type DeviceSealCheck = (deviceId: string, device: DeviceRecord) => Promise<boolean>;

export interface DeviceSeals {
  /** The seal of a record as it is to be stored; costs a signature of the key service. */
  seal(device: AttestedDevice): Promise<string>;
  /** To be had before a transaction: the first one asks the key service for its public keys. */
  verifier(): Promise<DeviceSealCheck>;
}

export interface DeviceSealOptions {
  readonly keys: Pick<KeyService, 'publicKeys' | 'sign' | 'signingKid'>;
  /** Whether a user of the first name may have the second one by now. */
  readonly isNameOf: (sealed: string, stored: string) => boolean;
  readonly log: Log;
}

export function createDeviceSeals({ keys, isNameOf, log }: DeviceSealOptions): DeviceSeals {
  return {
    async seal(device) {
      const kid = await keys.signingKid('device');
      const sealed: z.infer<typeof payload> = {
        v: 1,
        device: deviceIdOf(device.publicKey),
        user: device.user,
        record: digestOf(device),
      };
      return signJws({ typ: TYP, kid }, sealed, (message) => keys.sign(kid, message));
    },
    async verifier() {
      const trusted = await keys.publicKeys('device');
      return async (deviceId, device) => {
        const sealed = await sealedIn(device.seal, trusted);
        const holds =
          sealed?.device === deviceId &&
          deviceIdOf(device.publicKey) === deviceId &&
          sealed.record === digestOf(device) &&
          isNameOf(sealed.user, device.user);
        // Nobody but an attacker, or a mistake of ours, writes such a record.
        if (!holds) log('ERROR', 'device record not as it was sealed', { device: deviceId });
        return holds;
      };
    },
  };
}

async function sealedIn(seal: string, trusted: Awaited<ReturnType<KeyService['publicKeys']>>) {
  try {
    const signed = { typ: TYP, purpose: 'device' };
    return payload.safeParse(await pinnedPayload(nodeCrypto, seal, signed, trusted)).data;
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/**
 * Over what the attestation said, and when. Not over what each call moves (counter, version of the
 * app), what a worker renews (receipt), and that it was retired, which makes nothing of it any more.
 */
function digestOf(device: AttestedDevice): string {
  const { phone, serialNumbers, enrolledAt, approvedFrom } = device;
  const bound = lengthPrefixed(
    'modelseal/v1/device-record',
    device.platform,
    device.appId,
    device.environment,
    device.publicKey,
    device.assurance,
    phone ? `${phone.accounts} ${phone.blocked}` : '',
    serialNumbers.join(' '),
    enrolledAt.toISOString(),
    approvedFrom?.toISOString() ?? '',
  );
  return toBase64url(createHash('sha256').update(bound).digest());
}
