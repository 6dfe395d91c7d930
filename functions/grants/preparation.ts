/**
 * What sealing takes and the grant's own record does not decide, begun while that record is committed: two
 * waits for Google's services and the way to the device then cost nobody time. The content key does not
 * exist yet, no byte of the model is opened, and nothing leaves this call before the commit.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Manifests, StoredManifest } from '../catalogue/manifests.ts';
import type { OfferedVersion } from '../catalogue/model-record.ts';
import type { VersionKeys } from '../catalogue/version-keys.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { ServiceError } from '../errors.ts';
import { fromBase64url } from '../protocol/encoding.ts';
import { SealError } from '../protocol/errors.ts';
import { grantInfo } from '../protocol/grant-binding.ts';
import { type Encapsulation, encapsulateTo } from '../protocol/hpke-sender.ts';
import type { AdmittedGrant } from './grant-record.ts';
import { type Lifetimes, licenceTerms } from './licence-terms.ts';

export interface PreparationServices {
  readonly config: Lifetimes & { readonly buckets: { readonly vault: string } };
  readonly objects: Pick<ObjectStore, 'read'>;
  readonly manifests: Manifests;
  readonly versionKeys: Pick<VersionKeys, 'unwrap'>;
}

export interface Preparation {
  /** Rejects with request_invalid where the device's key is none of its suite's. */
  readonly recipient: Promise<Recipient>;
  /** The version's data key; whoever takes it wipes it. */
  takeDataKey(): Promise<Uint8Array>;
  /** The version as it lies in the vault, from its begin; what was begun goes to the first who asks. */
  openVault(): Promise<AsyncIterable<Uint8Array>>;
  /** Ends what was begun, read or not. Rejects where the preparation failed: there is nothing to end then. */
  discard(): Promise<void>;
}

export interface Recipient {
  readonly manifest: StoredManifest;
  readonly terms: ReturnType<typeof licenceTerms>;
  readonly device: Encapsulation;
}

/** Begins, and throws nothing: what fails here fails whoever waits for it. */
export function prepare(
  services: PreparationServices,
  grant: AdmittedGrant,
  now: Date,
): Preparation {
  const { config, objects, versionKeys } = services;
  const { version } = grant;
  const read = () => objects.read(config.buckets.vault, version.vaultObject);
  const recipient = recipientOf(services, grant, now);
  // A key that is none costs neither a byte of the vault nor a call to the key service.
  const begun = recipient.then(() => ({
    vault: begin(read()),
    dataKey: versionKeys.unwrap(version, now),
  }));
  begun.then(({ dataKey }) => dataKey).catch(() => undefined);
  let vaultIsTaken = false;
  let dataKeyIsTaken = false;
  return {
    recipient,
    async takeDataKey() {
      if (dataKeyIsTaken) return versionKeys.unwrap(version, now);
      dataKeyIsTaken = true;
      return (await begun).dataKey;
    },
    async openVault() {
      if (vaultIsTaken) return read();
      vaultIsTaken = true;
      return (await begun).vault.bytes;
    },
    async discard() {
      const { vault, dataKey } = await begun;
      await Promise.all([vault.end(), dataKeyIsTaken || dataKey.then((key) => key.fill(0))]);
    },
  };
}

/** The preparation of a grant whose transaction may run more than once. */
export function createPreparing(services: PreparationServices, now: Date) {
  let begun: { readonly version: OfferedVersion; readonly preparation: Preparation } | undefined;
  const discard = () => void begun?.preparation.discard().catch(() => undefined);
  return {
    /** Begins, unless that was done before, for the same version. */
    begin(grant: AdmittedGrant): void {
      const { version } = grant;
      if (isDeepStrictEqual(begun?.version, version)) return;
      discard();
      begun = { version, preparation: prepare(services, grant, now) };
    },
    /** Of the grant that was committed; undefined where none began. */
    taken: () => begun?.preparation,
    discard,
  };
}

interface BegunStream {
  readonly bytes: AsyncIterable<Uint8Array>;
  end(): Promise<void>;
}

/** Asks for the first bytes at once, and for no more before they were read. */
function begin(stream: AsyncIterable<Uint8Array>): BegunStream {
  const iterator = stream[Symbol.asyncIterator]();
  const first = iterator.next();
  first.catch(() => undefined);
  const end = async () => void (await iterator.return?.());
  return {
    bytes: (async function* () {
      try {
        for (let next = await first; !next.done; next = await iterator.next()) yield next.value;
      } finally {
        await end();
      }
    })(),
    end,
  };
}

/** The way to the device that asks; throws request_invalid where its key is none of the suite's. */
async function recipientOf(
  { manifests, config }: PreparationServices,
  { grantId, userId, deviceId, recipientKey, suite, version }: AdmittedGrant,
  now: Date,
): Promise<Recipient> {
  const manifest = await manifests.get(version);
  const terms = licenceTerms(manifest.policy, config, now);
  const info = grantInfo({
    suite,
    grantId,
    userId,
    deviceId,
    model: version.modelId,
    version: version.version,
    manifestDigest: fromBase64url(version.manifestDigest) ?? new Uint8Array(),
    licenceExpiry: terms.exp,
  });
  try {
    return { manifest, terms, device: await encapsulateTo({ suite, recipientKey, info }) };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new ServiceError('request_invalid', {
      reason: error.code,
      violations: [{ pointer: '/clientData/recipientKey', detail: 'not_a_key_of_the_suite' }],
      cause: error,
    });
  }
}
