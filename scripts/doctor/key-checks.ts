/** The keys of Cloud KMS: in hardware, enabled, and turned over in time. */
import type { SigningKeyName } from '../../functions/cloud/keys.ts';
import type { Check, Project } from './check.ts';

/** As Cloud KMS describes a key (https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys). */
interface CryptoKey {
  readonly name: string;
  readonly purpose: string;
  readonly primary?: { readonly state?: string };
  readonly rotationPeriod?: string;
  readonly nextRotationTime?: string;
  readonly versionTemplate?: { readonly protectionLevel?: string };
}
interface KeyVersion {
  readonly state?: string;
}

/** Those that infra/kms.tf makes. */
const KEYS: Readonly<Record<SigningKeyName | 'vault' | 'data', 'symmetric' | 'signing'>> = {
  vault: 'symmetric',
  data: 'symmetric',
  manifest: 'signing',
  licence: 'signing',
  device: 'signing',
};
const MAX_ROTATION_SECONDS = 90 * 86_400;

/** `ring` is the full name of the key ring. */
export function keyChecks({ gcloud }: Project, ring: string, now: () => Date): readonly Check[] {
  const describe = async (key: string) => {
    const keys = ((await gcloud('kms', 'keys', 'list', `--keyring=${ring}`)) ??
      []) as readonly CryptoKey[];
    const found = keys.find(({ name }) => name.endsWith(`/cryptoKeys/${key}`));
    if (!found) throw new Error('it is not there');
    return found;
  };
  return Object.entries(KEYS).flatMap(([key, kind]): readonly Check[] => {
    const place = `--keyring=${ring}`;
    const inHardware: Check = {
      check: `new versions of the ${key} key are made in hardware`,
      remedy: 'terraform plan   # the level of a key cannot change: it says what a new key takes',
      work: async () => {
        const level = (await describe(key)).versionTemplate?.protectionLevel;
        if (level !== 'HSM') throw new Error(`they are made in ${level}`);
      },
    };
    if (kind === 'signing') {
      return [
        inHardware,
        {
          check: `the ${key} key has a version that signs`,
          remedy: `gcloud kms keys versions create --key=${key} ${place}`,
          work: async () => {
            const versions = ((await gcloud(
              ...['kms', 'keys', 'versions', 'list', `--key=${key}`, place],
            )) ?? []) as readonly KeyVersion[];
            if (!versions.some(({ state }) => state === 'ENABLED')) throw new Error('none is');
          },
        },
      ];
    }
    return [
      inHardware,
      {
        check: `the ${key} key's primary version is enabled`,
        remedy: `gcloud kms keys versions create --key=${key} ${place} --primary`,
        work: async () => {
          const state = (await describe(key)).primary?.state;
          if (state !== 'ENABLED') throw new Error(`it is ${state ?? 'not there'}`);
        },
      },
      {
        check: `the ${key} key rotates within 90 days`,
        remedy: `gcloud kms keys update ${key} ${place} --rotation-period=90d --next-rotation-time=TOMORROW`,
        work: async () => {
          const { rotationPeriod, nextRotationTime } = await describe(key);
          if (!(Number.parseInt(rotationPeriod ?? '', 10) <= MAX_ROTATION_SECONDS))
            throw new Error(`its period is ${rotationPeriod ?? 'not set'}`);
          if (!(Date.parse(nextRotationTime ?? '') > now().getTime()))
            throw new Error(`its next rotation, ${nextRotationTime ?? 'never'}, is overdue`);
        },
      },
    ];
  });
}
