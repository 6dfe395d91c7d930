import { X509Certificate } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { describeReal } from '../../../test/attestation/describe-real.ts';
import { readFixture } from '../../../test/attestation/fixtures.ts';
import { attestedDevice } from '../../identity/enrolment.ts';
import { DAY_MS } from '../../time.ts';
import { parseCertificate } from '../certificate.ts';
import { validateChain } from '../certificate-chain.ts';
import { parseAttestationPolicy } from '../policy/schema.ts';
import { GOOGLE_KEY_ATTESTATION_ROOTS } from '../trust-anchors/google.ts';
import {
  KEY_DESCRIPTION_EXTENSION,
  parseKeyDescription,
  readKeyDescription,
} from './key-description.ts';
import type { RevocationList } from './revocation-list.ts';
import { verifyKeyAttestation } from './verify.ts';

const NO_REVOCATIONS: RevocationList = {
  entries: new Map(),
  fetchedAt: new Date(0),
  freshUntil: new Date(0),
};

const readChain = (name: string): X509Certificate[] =>
  (
    readFixture(`android-key/${name}.pem`).match(/-----BEGIN[\s\S]*?END CERTIFICATE-----/g) ?? []
  ).map((pem) => new X509Certificate(pem));

/** As the fixtures' JSON writes a KeyDescription: numbers as text, bytes in base64. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(written);
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Map) return value.size > 0 ? value : undefined;
  const entries = Object.entries(value).map(([key, entry]) => [key, written(entry)] as const);
  return Object.fromEntries(entries.filter(([, entry]) => entry !== undefined));
}

function readDescription(name: string): unknown {
  const json = readFixture(`android-key/${name}.json`).replaceAll(/^\s*\/\/.*$/gm, '');
  return JSON.parse(json, (key, value: unknown) => (key === 'areTagsOrdered' ? undefined : value));
}

const verifyReal = (x5c: readonly X509Certificate[], challenge: Uint8Array, now: Date) =>
  verifyKeyAttestation({
    x5c: x5c.map(({ raw }) => raw),
    challenge,
    trustAnchors: GOOGLE_KEY_ATTESTATION_ROOTS,
    revocationList: NO_REVOCATIONS,
    now,
  });

const IN_2031 = new Date('2031-06-01T00:00:00Z');

/** Chain, kind of key, security level, and whether Google issues the phone's keys by the month. */
const PHONES = [
  ['akita-sdk34-SB_RSA_NONE', 'rsa', 'STRONG_BOX', 'remote'],
  ['akita-sdk34-TEE_EC_NONE', 'ec', 'TRUSTED_ENVIRONMENT', 'remote'],
  ['akita-sdk34-TEE_RSA_BASE+IMEI', 'rsa', 'TRUSTED_ENVIRONMENT', 'remote'],
  ['caiman-sdk36-SB_EC_RKP', 'ec', 'STRONG_BOX', 'remote'],
  ['tegu-sdk36-TEE_EC_2026_ROOT', 'ec', 'TRUSTED_ENVIRONMENT', 'remote'],
  ['tegu-sdk37-TEE_MAX_USAGE_COUNT', 'ec', 'TRUSTED_ENVIRONMENT', 'remote'],
  ['tokay-sdk37-TEE_MLDSA_RKP', 'ml-dsa-65', 'TRUSTED_ENVIRONMENT', 'remote'],
  ['blueline-sdk28-SB_RSA_NONE', 'rsa', 'STRONG_BOX', 'factory'],
  ['blueline-sdk28-TEE_EC_NONE', 'ec', 'TRUSTED_ENVIRONMENT', 'factory'],
  ['sony-xperia10iii-TEE_EC', 'ec', 'TRUSTED_ENVIRONMENT', 'factory'],
] as const;

const challengeOf = (name: string) =>
  Buffer.from(
    (readDescription(name) as { attestationChallenge: string }).attestationChallenge,
    'base64',
  );

describeReal('key attestation of real phones', () => {
  it.each(PHONES)(
    'verifies %s and reads all of its description',
    async (name, keyType, level, by) => {
      const chain = readChain(name);
      const challenge = challengeOf(name);
      const issued = Date.parse(chain[1]?.validFrom ?? '');
      const now = new Date(issued + DAY_MS);
      const facts = await verifyReal(chain, challenge, now);
      expect(written(facts.keyDescription)).toEqual(readDescription(name));
      expect(facts.securityLevel).toBe(level);
      expect(facts.provisioning).toBe(by);
      expect(facts.odd).toEqual([]);
      expect(chain[0]?.publicKey.asymmetricKeyType).toBe(keyType);
      expect(facts.serialNumbers[0]).toBe('1');
      // Chrome sends chains without their root.
      await expect(verifyReal(chain.slice(0, -1), challenge, now)).resolves.toBeDefined();

      const later = verifyReal(chain, challenge, IN_2031);
      await (by === 'factory'
        ? expect(later).resolves.toMatchObject({ securityLevel: level })
        : expect(later).rejects.toMatchObject({ code: 'certificate-expired' }));
      const other = verifyReal(chain, Buffer.from('other'), now);
      await expect(other).rejects.toMatchObject({ code: 'challenge-mismatch' });
    },
  );

  it.each(PHONES.flatMap(([name, , , by]) => (by === 'remote' ? [name] : [])))(
    'reads what Google says of the certificates of %s',
    async (name) => {
      const chain = readChain(name);
      const now = new Date(Date.parse(chain[1]?.validFrom ?? '') + DAY_MS);
      const { certificatesIssued } = await verifyReal(chain, challengeOf(name), now);
      expect([8, 16, 32, 64]).toContain(certificatesIssued);
    },
  );

  it.each(['2026-06-04T12:00:00Z', '2026-11-26T00:00:00Z', '2031-06-01T00:00:00Z'])(
    'enrols a Sony Xperia 10 III by a policy that names nothing but the app, at %s',
    async (date) => {
      const name = 'sony-xperia10iii-TEE_EC';
      const { softwareEnforced } = (await verifyReal(readChain(name), challengeOf(name), IN_2031))
        .keyDescription;
      const { packages, signatures } = softwareEnforced.attestationApplicationId ?? {
        packages: [],
        signatures: [],
      };
      const packageName = packages[0]?.name ?? '';
      const policy = parseAttestationPolicy({
        apps: [
          {
            platform: 'android',
            packageName,
            signingCertificateDigests: signatures.map((digest) =>
              Buffer.from(digest).toString('hex'),
            ),
            rules: [{ playIntegrity: { token: { mode: 'off' } } }],
          },
        ],
      });
      const client = {
        type: 'device.enroll',
        challenge: '',
        platform: 'android',
        appId: packageName,
        appVersion: '1.0',
      } as const;
      const x5c = readChain(name).map(({ raw }) => new Uint8Array(raw));
      const { device, monitored } = await attestedDevice(
        client,
        challengeOf(name),
        { format: 'android-key', x5c },
        'user',
        {
          policy,
          trust: { appAttest: [], appleReceipt: [], keyAttestation: GOOGLE_KEY_ATTESTATION_ROOTS },
          services: {
            revocationList: async () => NO_REVOCATIONS,
            openIntegrityToken: () => Promise.reject(new Error('not asked')),
            writeDeviceRecall: () => Promise.reject(new Error('not asked')),
            queryTwoBits: () => Promise.reject(new Error('not asked')),
            updateTwoBits: () => Promise.reject(new Error('not asked')),
            failingSince: () => undefined,
          },
        },
        new Date(date),
      );
      expect(device.assurance).toBe('hardware');
      expect(monitored).toEqual([]);
    },
  );

  it('refuses a software root, reading what it says nevertheless', async () => {
    const chain = readChain('marlin-sdk29-TEE_EC_NONE');
    const refused = verifyReal(chain, Buffer.from('challenge'), new Date('2020-01-01'));
    await expect(refused).rejects.toMatchObject({ code: 'chain-untrusted' });
    const [leaf] = chain.map(({ raw }) => parseCertificate(raw));
    const value = leaf?.extensions.get(KEY_DESCRIPTION_EXTENSION)?.value ?? new Uint8Array();
    expect(written(parseKeyDescription(value))).toEqual(
      readDescription('marlin-sdk29-TEE_EC_NONE'),
    );
  });

  it('reads tags out of order, as some phones write them, and says so', () => {
    const [leaf] = readChain('invalid-tags_not_in_ascending_order');
    const { extensions } = parseCertificate(leaf?.raw ?? new Uint8Array());
    const value = extensions.get(KEY_DESCRIPTION_EXTENSION)?.value ?? new Uint8Array();
    const { keyDescription, odd } = readKeyDescription(value);
    expect(odd).toEqual(['order of tags']);
    expect(keyDescription.hardwareEnforced).toMatchObject({ purposes: [2], algorithms: 3 });
  });

  it('refuses the whole chain of those tags, whose leaf is not signed by its issuer either', async () => {
    const chain = readChain('invalid-tags_not_in_ascending_order');
    const refused = verifyReal(chain, new Uint8Array(), new Date('2024-09-01'));
    await expect(refused).rejects.toMatchObject({ code: 'certificate-signature-invalid' });
  });

  it('reads an unusual set of authorizations', () => {
    const [leaf] = readChain('allow_while_on_body');
    const { extensions } = parseCertificate(leaf?.raw ?? new Uint8Array());
    const value = extensions.get(KEY_DESCRIPTION_EXTENSION)?.value ?? new Uint8Array();
    const { softwareEnforced, hardwareEnforced } = parseKeyDescription(value);
    expect(softwareEnforced).toMatchObject({
      allowWhileOnBody: true,
      unlockedDeviceRequired: true,
    });
    expect(hardwareEnforced).toMatchObject({ purposes: [3, 2], authTimeout: 86_400 });
  });

  it('validates a chain in which P-256 signs with SHA-384', async () => {
    const chain = readChain('p256_sha384_intermediate');
    const validated = await validateChain({
      x5c: chain.map(({ raw }) => raw),
      trustAnchors: chain.slice(-1),
      now: new Date('2026-01-01'),
    });
    expect(validated).toHaveLength(2);
  });
});
