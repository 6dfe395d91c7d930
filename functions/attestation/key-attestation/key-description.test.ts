import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { VirtualKeystore } from '../../../test/virtual-phones/key-attestation.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { type Certificate, parseCertificate } from '../certificate.ts';
import { AttestationError } from '../errors.ts';
import { KEY_DESCRIPTION_EXTENSION, readKeyDescription } from './key-description.ts';
import { provisioningInfo } from './provisioning-info.ts';

const PROVISIONING_INFO_EXTENSION = '1.3.6.1.4.1.11129.2.1.30';

const phone = (provisioning: 'remote' | 'factory' | 'old-factory') =>
  new VirtualKeystore({
    roots: createTestRoots(),
    packageName: 'com.example.models',
    versionCode: 42,
    signingCertificateDigest: randomBytes(32),
    provisioning,
  });

async function descriptionOf(keystore: VirtualKeystore): Promise<Uint8Array> {
  await keystore.generateKey('key', randomBytes(32));
  const [leaf = new Uint8Array()] = keystore.getCertificateChain('key');
  return parseCertificate(leaf).extensions.get(KEY_DESCRIPTION_EXTENSION)?.value ?? Buffer.of();
}

/** The same bytes with some of them changed, and perhaps cut. */
const changed = (genuine: Uint8Array) =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.nat(genuine.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(genuine.length),
    )
    .map(([edits, end]) => {
      const bytes = new Uint8Array(genuine);
      for (const [at, value] of edits) bytes[at] = value;
      return end % 4 === 0 ? bytes.subarray(0, end) : bytes;
    });

describe('a key description', () => {
  it.each(['remote', 'factory', 'old-factory'] as const)(
    'of any bytes is read or refused, and nothing else (%s)',
    async (provisioning) => {
      const genuine = await descriptionOf(phone(provisioning));
      fc.assert(
        fc.property(changed(genuine), (bytes) => {
          try {
            const { keyDescription, odd } = readKeyDescription(bytes);
            // What a verdict rests on is never left out: it fails the whole.
            for (const vital of ['purposes', 'algorithms', 'origin', 'rootOfTrust']) {
              expect(odd).not.toContain(vital);
            }
            expect(keyDescription.attestationChallenge).toBeInstanceOf(Uint8Array);
          } catch (error) {
            expect(error).toBeInstanceOf(AttestationError);
          }
        }),
        { numRuns: 1000 },
      );
    },
  );

  it('has provisioning information that is read, absent or malformed, and never fails', async () => {
    const [attestation = new Uint8Array()] = phone('remote').attestationKey.certificates;
    const parsed = parseCertificate(attestation);
    expect(provisioningInfo(parsed)).toEqual({ certificatesIssued: 32 });
    expect(provisioningInfo(undefined)).toBeUndefined();
    const genuine = parsed.extensions.get(PROVISIONING_INFO_EXTENSION)?.value ?? new Uint8Array();
    const withBytes = (value: Uint8Array): Certificate => ({
      ...parsed,
      extensions: new Map([[PROVISIONING_INFO_EXTENSION, { critical: false, value }]]),
    });
    for (const hex of ['', 'a0', 'a10120', 'a101613f', '8101', 'a1021820', 'a10118'])
      expect(provisioningInfo(withBytes(Buffer.from(hex, 'hex')))).toBe('malformed');
    fc.assert(
      fc.property(changed(genuine), (bytes) => {
        const information = provisioningInfo(withBytes(bytes));
        if (information !== 'malformed') {
          expect(information?.certificatesIssued).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});
