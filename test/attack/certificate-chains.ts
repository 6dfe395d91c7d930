/** Certificate chains of Android keys: what is lenient for one place must be of no use in another. */

import { toBase64url } from '../../functions/protocol/encoding.ts';
import { LOCAL_ANDROID_APP } from '../doubles/vendors.ts';
import { basicConstraintsExtension } from '../virtual-phones/issue-certificate.ts';
import type { VirtualKeystore } from '../virtual-phones/key-attestation.ts';
import { createTestRoots } from '../virtual-phones/test-roots.ts';
import type { VirtualPixelOptions } from '../virtual-phones/virtual-pixel.ts';
import { type Attack, edit, outcomeOf } from './attack.ts';
import { enrol, enrolData, failed, untrusted } from './enrolment-requests.ts';
import type { Lab } from './lab.ts';
import { grantData, postGrant, sha256, withPixel } from './requests.ts';

const PROFILE = 'functions/attestation/key-attestation/chain-profile.ts';
const VERIFY = 'functions/attestation/key-attestation/verify.ts';
const CHAIN = 'functions/attestation/certificate-chain.ts';

/** A chain of any length, in which every certificate may do what the attestation certificate may. */
const ANY_PLACE = [
  edit(
    PROFILE,
    'const places = PLACES[provisioning];',
    'const places = chain.map(() => FACTORY_ATTESTATION);',
  ),
  edit(PROFILE, 'if (chain.length !== places.length) {', 'if (false) {'),
];
const ANY_DESCRIPTION = edit(
  VERIFY,
  "if (nearest !== leaf) throw new AttestationError('key-description-not-leaf');",
);

const ANY_LEVEL = edit(
  VERIFY,
  "securityLevel: lower(claimed, certified ?? 'TRUSTED_ENVIRONMENT'),",
  'securityLevel: claimed,',
);

type Certificates = readonly Uint8Array[];

/** A phone that shows another chain than its own, made of what it has. */
const chainOf =
  (
    options: Partial<VirtualPixelOptions>,
    change: (keystore: VirtualKeystore, keyHandle: string, hash: Uint8Array) => Certificates,
  ) =>
  async (lab: Lab) => {
    const api = await lab.api();
    const { platform } = api.pixel('mallory', options);
    const bytes = await enrolData(api, 'mallory', platform);
    const hash = sha256(bytes);
    const { keyHandle, attestation } = await platform.createAttestedKey(hash);
    const x5c = change(platform.keystore, keyHandle, hash).map(toBase64url);
    return enrol(api, bytes, { ...attestation, x5c });
  };

/** The attested key, which its holder may sign anything with, attests another of his. */
const extended = (options: Partial<VirtualPixelOptions>) =>
  chainOf(options, (keystore, keyHandle, hash) => keystore.extendChain(keyHandle, hash));

/** A leaked keybox makes an attestation certificate of its own, with another serial number and level. */
const reissued = (options: Partial<VirtualPixelOptions>) =>
  chainOf(options, (keystore, _keyHandle, hash) => {
    const { key, publicKey, name, certificates } = keystore.attestationKey;
    const own = keystore.attestBy({ key, name }, hash, {
      leaf: { subject: [['T', 'StrongBox']], serialNumber: 4711n, publicKey },
      leafExtensions: [basicConstraintsExtension(true)],
      keyUsage: 0x04,
    });
    return [keystore.attestBy({ key, name: [['T', 'StrongBox']] }, hash), own, ...certificates];
  });

const strongBoxPolicy = () =>
  JSON.stringify({
    apps: [
      {
        platform: 'android',
        packageName: LOCAL_ANDROID_APP.packageName,
        signingCertificateDigests: [LOCAL_ANDROID_APP.signingCertificateDigest.toString('hex')],
        rules: [{ keyAttestation: { securityLevel: { minimum: 'STRONG_BOX' } } }],
      },
    ],
  });

export const certificateChains: readonly Attack[] = [
  failed({
    name: 'chain/extended-old-factory',
    tries:
      'an attested key that is no CA attests another, on a phone whose attestation key is none either',
    defence: 'the length of the chain, and a description in the leaf alone',
    off: { edits: [...ANY_PLACE, ANY_DESCRIPTION] },
    run: extended({ provisioning: 'old-factory' }),
  }),
  failed({
    name: 'chain/extended-ca-false',
    tries:
      'the same with an attested key that says it is no CA, as old attestation certificates do',
    defence: 'the length of the chain, which holds whatever its certificates say',
    off: { edits: ANY_PLACE },
    run: chainOf({ provisioning: 'old-factory' }, (keystore, _keyHandle, hash) => {
      const { key, publicKey, name, certificates } = keystore.attestationKey;
      const holder = keystore.attestBy({ key, name }, hash, {
        leaf: { subject: 'holder', publicKey },
        leafExtensions: [basicConstraintsExtension(false)],
      });
      return [keystore.attestBy({ key, name: 'holder' }, hash), holder, ...certificates];
    }),
  }),
  failed({
    name: 'chain/extended-factory',
    tries: 'an attested key for signatures attests another, on a phone of the factory',
    defence: 'the length of the chain, and a description in the leaf alone',
    off: { edits: [...ANY_PLACE, ANY_DESCRIPTION] },
    run: extended({ provisioning: 'factory' }),
  }),
  failed({
    name: 'chain/extended-remote',
    tries: 'the same on a phone whose keys come from Google',
    defence:
      'the length of the chain, a description in the leaf alone, and the level that the issuer names',
    off: { edits: [...ANY_PLACE, ANY_DESCRIPTION, ANY_LEVEL] },
    run: extended({}),
  }),
  failed({
    name: 'chain/reissued-factory',
    tries: 'a leaked keybox issues itself a StrongBox certificate that is on no list',
    defence: 'the length of the chain: an attestation key attests keys, and issues no others',
    off: { edits: ANY_PLACE },
    run: reissued({ provisioning: 'factory' }),
  }),
  failed({
    name: 'chain/expired-remote',
    tries: 'an attestation key of Google’s that was taken out of a phone and expired',
    defence: 'dates count, but for keys of the factory, which Google’s own certificate tells',
    off: {
      edits: [
        edit(
          PROFILE,
          'const STRICT: PlaceRules = {};',
          'const STRICT: PlaceRules = { ignoreDates: true };',
        ),
      ],
    },
    run: chainOf(
      { overrides: { provisionedAt: new Date(Date.now() - 90 * 86_400_000) } },
      (keystore, keyHandle) => keystore.getCertificateChain(keyHandle),
    ),
  }),
  failed({
    name: 'chain/root-by-name',
    tries: 'a whole hierarchy of one’s own, under the names of Google’s',
    defence: 'the top of a chain is signed by a pinned key',
    off: {
      edits: [
        edit(
          CHAIN,
          'verified = await verifiedBy(anchor, top, chain.length > 1 || options.rememberLeaf === true);',
          'verified = top;',
        ),
      ],
    },
    run: chainOf(
      { overrides: { authority: createTestRoots().keyAttestation } },
      (keystore, keyHandle) => keystore.getCertificateChain(keyHandle).slice(0, -1),
    ),
  }),
  untrusted({
    name: 'chain/strongbox-claimed',
    tries: 'a leaked keybox of a trusted environment that attests keys in StrongBox',
    defence: 'StrongBox counts where the issuers say so',
    off: { edits: [ANY_LEVEL] },
    run: async (lab) => {
      const api = await lab.api({ environment: { ATTESTATION_POLICY: strongBoxPolicy() } });
      const { platform } = api.pixel('mallory', {
        provisioning: 'factory',
        overrides: { attestationSecurityLevel: 2, keyMintSecurityLevel: 2 },
      });
      const bytes = await enrolData(api, 'mallory', platform);
      const { attestation } = await platform.createAttestedKey(sha256(bytes));
      return enrol(api, bytes, attestation);
    },
  }),
  {
    name: 'chain/revoked-after-enrolment',
    tries: 'a keybox that Google revokes after it was enrolled',
    refused: '403 device_unknown',
    defence: 'enrolments keep their serial numbers, which the list is compared with',
    off: {
      edits: [
        edit(
          'functions/workers/revocations.ts',
          'await retireByOperator(services.documents, deviceId, now);',
        ),
      ],
    },
    run: async (lab) => {
      const api = await lab.api();
      const mallory = await withPixel(api, 'mallory');
      api.vendors.revoke(
        (mallory.platform as unknown as { keystore: VirtualKeystore }).keystore.serialNumber,
      );
      await fetch(`${api.baseUrl}/internal/revocations`, { method: 'POST' });
      return outcomeOf(postGrant(mallory, await grantData(mallory)));
    },
  },
];
