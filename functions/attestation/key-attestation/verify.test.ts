import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  der,
  enumerated,
  integer,
  nullValue,
  octets,
  sequence,
  utf8,
} from '../../../test/virtual-phones/der.ts';
import { basicConstraintsExtension } from '../../../test/virtual-phones/issue-certificate.ts';
import {
  type KeyAttestationOverrides,
  VirtualKeystore,
  type VirtualKeystoreOptions,
} from '../../../test/virtual-phones/key-attestation.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { DAY_MS } from '../../time.ts';
import { parseCertificate } from '../certificate.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import { KEY_DESCRIPTION_EXTENSION } from './key-description.ts';
import { type KeyAttestationInput, verifyKeyAttestation } from './verify.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const IN_2031 = new Date('2031-06-01T00:00:00Z');
const challenge = randomBytes(32);
const roots = createTestRoots(NOW);

const phone = (options: Partial<VirtualKeystoreOptions>) =>
  new VirtualKeystore({
    roots,
    packageName: 'com.example.models',
    versionCode: 42,
    signingCertificateDigest: randomBytes(32),
    strongBox: true,
    now: () => NOW,
    ...options,
  });

const PHONES = {
  remote: phone({}),
  factory: phone({ provisioning: 'factory' }),
  'old-factory': phone({ provisioning: 'old-factory', strongBox: false }),
} as const;
type PhoneName = keyof typeof PHONES;
const NAMES = Object.keys(PHONES) as PhoneName[];
const FACTORY: readonly PhoneName[] = ['factory', 'old-factory'];
const pixel = PHONES.remote;

const judged = (x5c: readonly Uint8Array[], now = NOW): KeyAttestationInput => ({
  x5c,
  challenge,
  trustAnchors: [roots.keyAttestation.root],
  revocationList: { entries: new Map(), fetchedAt: NOW, freshUntil: NOW },
  now,
});

async function attested(
  overrides?: KeyAttestationOverrides,
  keystore: VirtualKeystore = pixel,
): Promise<KeyAttestationInput> {
  await keystore.generateKey('key', challenge, overrides);
  return judged(keystore.getCertificateChain('key'));
}

const refused = (input: KeyAttestationInput, code: AttestationErrorCode) =>
  expect(verifyKeyAttestation(input)).rejects.toMatchObject({ name: 'AttestationError', code });

describe('a key attestation', () => {
  const hardware = (tag: number, value: Uint8Array) => ({
    hardwareEnforced: new Map([[tag, value]]),
  });
  it.each(NAMES)('is accepted from a genuine phone (%s), for any kind of key', async (name) => {
    const keystore = PHONES[name];
    for (const keyType of ['ec', 'ec-p384', 'rsa', 'ml-dsa-65'] as const) {
      const facts = await verifyKeyAttestation(await attested({ keyType }, keystore));
      expect(facts.provisioning).toBe(name === 'remote' ? 'remote' : 'factory');
      expect(facts.securityLevel).toBe(
        name === 'old-factory' ? 'TRUSTED_ENVIRONMENT' : 'STRONG_BOX',
      );
      expect(facts.serialNumbers).toContain(keystore.serialNumber);
      expect(facts.keyDescription.hardwareEnforced.rootOfTrust?.deviceLocked).toBe(true);
      expect(facts.odd).toEqual([]);
    }
  });

  it.each(NAMES)('is accepted with and without its root (%s)', async (name) => {
    const { x5c } = await attested({}, PHONES[name]);
    for (const chain of [x5c, x5c.slice(0, -1)]) {
      await expect(verifyKeyAttestation(judged(chain))).resolves.toBeDefined();
    }
  });

  it('is accepted whatever the dates of its leaf, which the device sets', async () => {
    const leaf = { notAfter: new Date(1) };
    await expect(verifyKeyAttestation(await attested({ leaf }))).resolves.toBeDefined();
    const rawDates = [utf8('tomorrow'), utf8('yesterday')];
    await expect(
      verifyKeyAttestation(await attested({ leaf: { rawDates } })),
    ).resolves.toBeDefined();
  });

  it.each(FACTORY)('never expires for a key of the factory (%s)', async (name) => {
    const { x5c } = await attested({}, PHONES[name]);
    await expect(verifyKeyAttestation(judged(x5c, IN_2031))).resolves.toBeDefined();
  });

  it('expires, and has a beginning, for a key of remote provisioning', async () => {
    const { x5c } = await attested();
    await refused(judged(x5c, IN_2031), 'certificate-expired');
    await refused(judged(x5c, new Date(NOW.getTime() - 3 * DAY_MS)), 'certificate-not-yet-valid');
    const provisionedAt = new Date(NOW.getTime() - 40 * DAY_MS);
    await refused(await attested({ provisionedAt }), 'certificate-expired');
  });

  it('is as strong as the weakest of attestation, key and what the issuers vouch for', async () => {
    const levelOf = async (overrides: KeyAttestationOverrides, keystore = pixel) =>
      (await verifyKeyAttestation(await attested(overrides, keystore))).securityLevel;
    expect(await levelOf({ attestationSecurityLevel: 0 })).toBe('SOFTWARE');
    expect(await levelOf({ keyMintSecurityLevel: 1 })).toBe('TRUSTED_ENVIRONMENT');
    const claimed = { attestationSecurityLevel: 2, keyMintSecurityLevel: 2 };
    for (const provisioning of ['remote', 'factory', 'old-factory'] as const) {
      const trusted = phone({ provisioning, strongBox: false });
      expect(await levelOf(claimed, trusted)).toBe('TRUSTED_ENVIRONMENT');
    }
  });

  it('tells what Google says about the phone’s certificates', async () => {
    const busy = phone({ certificatesIssued: 4096 });
    const facts = await verifyKeyAttestation(await attested({}, busy));
    expect(facts).toMatchObject({ certificatesIssued: 4096, certifiedLevel: 'STRONG_BOX' });
    const factory = await verifyKeyAttestation(await attested({}, PHONES['old-factory']));
    expect(factory.certificatesIssued).toBeUndefined();
    expect(factory.certifiedLevel).toBeUndefined();
  });

  it('keeps authorizations nobody knows', async () => {
    const hardwareEnforced = new Map([[4000, octets(Buffer.of(1))]]);
    const { keyDescription } = await verifyKeyAttestation(await attested({ hardwareEnforced }));
    expect([...keyDescription.hardwareEnforced.unknown.keys()]).toEqual([4000]);
  });

  it('leaves out and names what is malformed and does not matter', async () => {
    const hardwareEnforced = new Map([[706, nullValue()]]);
    const softwareEnforced = new Map([[710, octets(Buffer.of(0xff))]]);
    const input = await attested({ hardwareEnforced, softwareEnforced, unordered: true });
    const { keyDescription, odd } = await verifyKeyAttestation(input);
    expect(odd).toEqual(['attestationIdBrand', 'order of tags', 'osPatchLevel', 'order of tags']);
    expect(keyDescription.hardwareEnforced).not.toHaveProperty('osPatchLevel');
  });

  // Read from phones of 2018 to 2021 (android/keyattestation and worldcoin/attestation-gateway have some).
  it('is read where hardware or system encode it otherwise than DER has it', async () => {
    const rootOfTrust = (...locked: readonly Uint8Array[]) =>
      sequence(octets(Buffer.alloc(32, 7)), ...locked, enumerated(0), octets(Buffer.alloc(32, 8)));
    const trueAsOne = rootOfTrust(der(0x01, Buffer.of(1)));
    // 30 81 xx, where the length fits into one octet.
    const longLength = Buffer.concat([Buffer.of(0x30, 0x81), trueAsOne.subarray(1)]);
    for (const value of [trueAsOne, longLength]) {
      const input = await attested(hardware(704, value));
      const { keyDescription } = await verifyKeyAttestation(input);
      expect(keyDescription.hardwareEnforced.rootOfTrust?.deviceLocked).toBe(true);
    }
    const unlocked = await attested(hardware(704, rootOfTrust(der(0x01, Buffer.of(0)))));
    const { keyDescription } = await verifyKeyAttestation(unlocked);
    expect(keyDescription.hardwareEnforced.rootOfTrust?.deviceLocked).toBe(false);
    await refused(
      await attested(hardware(704, rootOfTrust(der(0x01, Buffer.of(1, 1))))),
      'key-description-malformed',
    );

    const [leaf = new Uint8Array()] = (await attested()).x5c;
    const value = parseCertificate(leaf).extensions.get(KEY_DESCRIPTION_EXTENSION)?.value;
    const leafExtensions = [
      { oid: '2.5.29.31', value: new Uint8Array() },
      { oid: KEY_DESCRIPTION_EXTENSION, critical: false, value: value ?? new Uint8Array() },
    ];
    await expect(verifyKeyAttestation(await attested({ leafExtensions }))).resolves.toBeDefined();
  });

  const refusals: readonly (readonly [string, AttestationErrorCode, KeyAttestationOverrides])[] = [
    ['another challenge', 'challenge-mismatch', { challenge: randomBytes(32) }],
    ['no description', 'key-description-missing', { leafExtensions: [] }],
    ['an unknown security level', 'key-description-malformed', { keyMintSecurityLevel: 3 }],
    ['an unknown boot state', 'key-description-malformed', { verifiedBootState: 9 }],
    ['an unknown origin', 'key-description-malformed', hardware(702, integer(9))],
    ['no set of purposes', 'key-description-malformed', hardware(1, nullValue())],
    ['a root of trust of another type', 'key-description-malformed', hardware(704, nullValue())],
    [
      'an application id of another type',
      'key-description-malformed',
      { softwareEnforced: new Map([[709, octets(Buffer.of(0x30, 0))]]) },
    ],
    ['an authorization given twice', 'key-description-malformed', { twice: 702 }],
    ['another root', 'chain-untrusted', { authority: createTestRoots(NOW).keyAttestation }],
  ];
  it.each(refusals)('is refused with %s: %s', async (_name, code, overrides) => {
    await refused(await attested(overrides), code);
  });

  it.each(NAMES)(
    'is refused where an attested key was made to attest another (%s)',
    async (name) => {
      const keystore = PHONES[name];
      await attested({}, keystore);
      const extended = keystore.extendChain('key', challenge);
      await refused(judged(extended), 'chain-length');
      // Without one of the certificates above, which then do not fit each other.
      for (const at of [2, 3]) {
        const cut = extended.toSpliced(at, 1);
        await expect(verifyKeyAttestation(judged(cut))).rejects.toBeInstanceOf(AttestationError);
      }
    },
  );

  it('is refused for a key attested by an attested key, whatever the latter may issue', async () => {
    await pixel.generateKey('plain', challenge);
    const [leaf = new Uint8Array()] = pixel.getCertificateChain('plain');
    const value = parseCertificate(leaf).extensions.get(KEY_DESCRIPTION_EXTENSION)?.value;
    const leafExtensions = [
      basicConstraintsExtension(true),
      { oid: KEY_DESCRIPTION_EXTENSION, value: value ?? new Uint8Array() },
    ];
    await attested({ leafExtensions, keyUsage: 0x04 });
    await refused(judged(pixel.extendChain('key', challenge)), 'chain-length');
  });

  it.each(NAMES)('is refused with a second description above its leaf (%s)', async (name) => {
    const keystore = PHONES[name];
    const { key, certificates } = keystore.attestationKey;
    const [, ...above] = certificates;
    // As long as it must be, with an attested key where the attestation certificate belongs.
    const attestedKey = keystore.attestBy({ key, name: 'attested' }, challenge);
    const chain = [
      keystore.attestBy({ key, name: 'Android Keystore Key' }, challenge),
      attestedKey,
    ];
    await expect(verifyKeyAttestation(judged([...chain, ...above]))).rejects.toBeInstanceOf(
      AttestationError,
    );
  });

  it.each(NAMES)('is refused where a leaked attestation key issues another (%s)', async (name) => {
    const keystore = PHONES[name];
    const thief = phone({ strongBox: true });
    const { key, name: issuer, certificates } = keystore.attestationKey;
    const own = keystore.attestBy({ key, name: issuer }, challenge, {
      leaf: { subject: 'own', publicKey: thief.attestationKey.publicKey },
      leafExtensions: [basicConstraintsExtension(true)],
      keyUsage: 0x04,
    });
    const leaf = keystore.attestBy({ key: thief.attestationKey.key, name: 'own' }, challenge);
    await refused(judged([leaf, own, ...certificates]), 'chain-length');
  });

  it.each(NAMES)('is refused where a certificate of its chain is revoked (%s)', async (name) => {
    const input = await attested({}, PHONES[name]);
    for (const raw of input.x5c.slice(1, -1)) {
      const { serialNumber } = parseCertificate(raw);
      const entries = new Map([[serialNumber, 'REVOKED KEY_COMPROMISE']]);
      const revocationList = { entries, fetchedAt: NOW, freshUntil: NOW };
      await refused({ ...input, revocationList }, 'certificate-revoked');
    }
  });

  it.each(NAMES)(
    'is refused with any byte of any certificate changed, and throws nothing but its own error (%s)',
    async (name) => {
      const input = await attested({}, PHONES[name]);
      const signed = input.x5c.slice(0, -1);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(signed.length - 1),
          fc.nat(),
          fc.integer({ min: 1, max: 255 }),
          async (index, position, mask) => {
            const certificate = new Uint8Array(signed[index] ?? []);
            const at = position % certificate.length;
            certificate[at] = (certificate[at] ?? 0) ^ mask;
            const facts = verifyKeyAttestation({ ...input, x5c: signed.with(index, certificate) });
            await expect(facts).rejects.toBeInstanceOf(AttestationError);
          },
        ),
        { numRuns: 400 },
      );
    },
  );

  it.each(NAMES)(
    'is refused with its certificates in any other order or number (%s)',
    async (name) => {
      const { x5c } = await attested({}, PHONES[name]);
      const genuine = Buffer.concat(x5c.slice(0, -1));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat(x5c.length - 1), { maxLength: 7 }), async (order) => {
          const chain = order.map((index) => x5c[index] ?? new Uint8Array());
          fc.pre(!Buffer.concat(chain.slice(0, x5c.length - 1)).equals(genuine));
          await expect(verifyKeyAttestation(judged(chain))).rejects.toBeInstanceOf(
            AttestationError,
          );
        }),
        { numRuns: 200 },
      );
    },
  );
});
