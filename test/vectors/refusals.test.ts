/** What the TypeScript client refuses, by test/vectors/refusals.json; RefusalVectorsTest.kt has the same in Kotlin. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { decodeHeader } from '../../functions/protocol/container.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import type { RecipientKey } from '../../functions/protocol/hpke.ts';
import { verifyLicence } from '../../functions/protocol/licence.ts';
import { verifyManifest } from '../../functions/protocol/manifest.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { Download } from '../../sdk/typescript/opening/delivery-source.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { makeRefusals, REFUSALS_PATH } from './make-refusals.ts';
import { makeVectors } from './make-vectors.ts';
import { bytesFor } from './seeded.ts';
import { fixedRecipient } from './fixed-recipient.ts';

type Refusals = Awaited<ReturnType<typeof makeRefusals>>;

const refusals = JSON.parse(readFileSync(REFUSALS_PATH, 'utf8')) as Refusals;
const vectors = await makeVectors();
const [grantVector] = vectors.grants;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const encoded = (hex = '') => toBase64url(bytes(hex));

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return error.code;
  }
}

interface Change {
  readonly grantId?: string;
  readonly expectedDeviceId?: string;
  readonly expectedModel?: string;
  readonly expectedVersion?: string;
  readonly suite?: string;
  readonly licence?: string;
  readonly now?: number;
  readonly enc?: string;
  readonly ct?: string;
}

async function accepted(change: Change = {}) {
  const recipientKey: RecipientKey = await fixedRecipient(bytes(grantVector?.recipientPrivateKey ?? ''));
  return acceptGrant(nodeCrypto, {
    grant: {
      grantId: change.grantId ?? vectors.claims.grantId,
      sealedKey: {
        suite: change.suite ?? recipientKey.suite,
        enc: change.enc ?? encoded(grantVector?.enc),
        ct: change.ct ?? encoded(grantVector?.ct),
      },
      manifest: vectors.manifest,
      licence: change.licence ?? vectors.licence,
    },
    expected: {
      deviceId: change.expectedDeviceId ?? vectors.claims.deviceId,
      model: change.expectedModel ?? vectors.claims.model,
      version: change.expectedVersion ?? vectors.claims.version,
    },
    recipientKey,
    pinnedKeys: vectors.pinnedKeys,
    now: new Date((change.now ?? vectors.now) * 1000),
  });
}

/** As the SDK does it, over the network: each ask gives the same bytes. */
async function install(container: Uint8Array): Promise<void> {
  const store = new ModelStore({
    crypto: nodeCrypto,
    storage: memoryStorage(),
    hardwareKey: softwareKey(nodeCrypto, bytesFor('wrapping key', 32)),
    pinnedKeys: vectors.pinnedKeys,
    account: 'u_example',
  });
  const url = 'https://storage.invalid/';
  const sizeBytes = container.byteLength;
  const api = {
    download: async (_: string, start = 0) =>
      (async function* () {
        yield container.subarray(start);
      })(),
  };
  const options = { asked: 'latest', url, sizeBytes };
  const installation = await store.installations.begin(await accepted(), options);
  const retry = { retries: 0, baseDelayMs: 0, maxDelayMs: 0 };
  const download = new Download({ api, url, sizeBytes, retry });
  await store.installations.finish(installation, download, new Date(vectors.now * 1000));
}

describe('test/vectors/refusals.json', () => {
  it('is what the code makes today', async () => {
    expect(JSON.parse(JSON.stringify(await makeRefusals(vectors)))).toEqual(refusals);
  });

  it('what it changes is sound', async () => {
    await expect(install(bytes(grantVector?.container ?? ''))).resolves.toBeUndefined();
  });

  it.each(refusals.accepted)('and taken is a manifest with $name', async ({ token }) => {
    const verify = () => verifyManifest(nodeCrypto, token, vectors.pinnedKeys);
    expect(await codeOf(verify)).toBe('done');
  });

  it.each(refusals.manifests)('a manifest: $name is $code', async ({ token, code }) => {
    const verify = () => verifyManifest(nodeCrypto, token, vectors.pinnedKeys);
    expect(await codeOf(verify)).toBe(code);
  });

  it.each(refusals.licences)('a licence: $name is $code', async ({ token, code }) => {
    const verify = () => verifyLicence(nodeCrypto, token, vectors.pinnedKeys);
    expect(await codeOf(verify)).toBe(code);
  });

  it.each(refusals.headers)('a header: $name is $code', async ({ header, code }) => {
    expect(await codeOf(() => decodeHeader(bytes(header)))).toBe(code);
  });

  it.each(refusals.deliveries)('a delivery: $name is $code', async ({ container, code }) => {
    expect(await codeOf(() => install(bytes(container)))).toBe(code);
  });

  it.each(refusals.grants)('a grant: $name is $code', async ({ change, code }) => {
    expect(await codeOf(() => accepted(change))).toBe(code);
  });
});
