/** What every deployment must be able to do, by the services that the functions use: a local stack, too. */
import type { Services } from '../../functions/services.ts';
import { DAY_MS } from '../../functions/time.ts';
import type { Check } from './check.ts';

export type CheckedServices = Pick<
  Services,
  'config' | 'documents' | 'objects' | 'keys' | 'urls' | 'randomBytes' | 'now'
>;

/** A sealed object may outlive its time by so much: sweeps come each minute, and one may fail. */
const SWEEP_GRACE_SECONDS = 600;

export function serviceChecks(services: CheckedServices): readonly Check[] {
  const { config, documents, objects, keys, urls, randomBytes, now } = services;
  const { sealed, vault } = config.buckets;
  const ring = config.kmsKeys.vault.split('/cryptoKeys/')[0] ?? '';
  return [
    {
      check: 'the database answers',
      remedy: 'terraform apply   # or give yourself roles/datastore.user',
      work: () => documents.get('models/doctor'),
    },
    {
      check: 'the vault is there',
      remedy: `gcloud storage buckets describe gs://${vault}`,
      work: () => objects.stat(vault, 'doctor'),
    },
    ...[0, 1].map((ahead) => ({
      check: `URLs can be signed ${ahead === 0 ? 'today' : 'tomorrow'}`,
      remedy: 'gcloud scheduler jobs run url-keys',
      work: () => {
        const at = new Date(now().getTime() + ahead * DAY_MS);
        return urls.signReadUrl(sealed, 'doctor', at, new Date(at.getTime() + 60_000));
      },
    })),
    {
      check: 'the vault key wraps and unwraps',
      remedy: `gcloud kms keys versions list --key=vault --keyring=${ring}`,
      work: async () => {
        const secret = randomBytes(32);
        const aad = new TextEncoder().encode('modelseal/doctor');
        const opened = await keys.unwrap(await keys.wrap(secret, aad), aad);
        if (!Buffer.from(opened).equals(secret)) throw new Error('other bytes came back');
      },
    },
    ...(['manifest', 'licence', 'device'] as const).map((key) => ({
      check: `the chosen versions of the ${key} key are there`,
      remedy: `gcloud kms keys versions list --key=${key} --keyring=${ring}   # and signing_keys in the variables`,
      work: () => keys.publicKeys(key),
    })),
    // No app knows the device key: it needs no backup.
    ...(['manifest', 'licence'] as const).map((key) => ({
      check: `a version of the ${key} key is announced, for apps to pin as their backup`,
      remedy: `gcloud kms keys versions create --key=${key} --keyring=${ring}   # and its number in signing_keys`,
      work: async () => {
        if (config.signingKeys[key].announced.length === 0) throw new Error('none is');
      },
    })),
    {
      check: 'sealed objects end in time',
      remedy: 'gcloud scheduler jobs run sweep',
      work: async () => {
        const graceMs = (config.sealedTtlSeconds + SWEEP_GRACE_SECONDS) * 1000;
        const late = new Date(now().getTime() - graceMs);
        for await (const { createdAt } of objects.list(sealed, '')) {
          if (createdAt < late)
            throw new Error(`an object from ${createdAt.toISOString()} is left`);
          break;
        }
      },
    },
  ];
}
