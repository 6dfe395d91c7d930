/** Enrolment: Android phones that are rooted, in software or somebody else's. */
import { randomBytes } from 'node:crypto';
import type { IntegrityOverrides } from '../virtual-phones/play-integrity.ts';
import { ROOTED } from '../virtual-phones/virtual-pixel.ts';
import { type Attack, edit } from './attack.ts';
import { enrol, enrolData, failed, untrusted } from './enrolment-requests.ts';
import type { Api, Lab } from './lab.ts';
import { sha256 } from './requests.ts';

const KEY = 'functions/attestation/key-attestation/verify.ts';
const KEY_CHECKS = 'functions/attestation/policy/key-attestation-checks.ts';
const PLAY = 'functions/attestation/play-integrity/verify.ts';
const ANDROID = 'functions/attestation/policy/evaluate-android.ts';

/** A Pixel that enrols; `change` has the last word on what it shows. */
const pixelWith =
  (
    options: (api: Api) => Parameters<Api['pixel']>[1],
    change: (attestation: Record<string, unknown>, api: Api) => unknown = (genuine) => genuine,
  ) =>
  async (lab: Lab) => {
    const api = await lab.api();
    const { platform } = api.pixel('mallory', options(api));
    const bytes = await enrolData(api, 'mallory', platform);
    const { attestation } = await platform.createAttestedKey(sha256(bytes));
    return enrol(api, bytes, (await change({ ...attestation }, api)) as object);
  };

/** A genuine Pixel with a Play Integrity token whose verdict says something else. */
const playSaying = (overrides: IntegrityOverrides) => async (lab: Lab) => {
  const api = await lab.api();
  const { platform } = api.pixel('mallory');
  const bytes = await enrolData(api, 'mallory', platform);
  const { attestation } = await platform.createAttestedKey(sha256(bytes));
  const integrityToken = await api.vendors.play.requestToken(sha256(bytes), { overrides });
  return enrol(api, bytes, { ...attestation, integrityToken });
};

const rooted = { overrides: ROOTED };
const held = (find: string) => edit(KEY_CHECKS, find, 'true,');

export const androidEnrolment: readonly Attack[] = [
  untrusted({
    name: 'enrol/rooted',
    tries: 'a rooted Pixel: unlocked bootloader, a system of somebody else’s',
    defence: 'verified boot and lock state, as the hardware says them',
    off: {
      edits: [
        held("state === 'VERIFIED' || isCustomSystem(rootOfTrust, rule),"),
        held('rootOfTrust?.deviceLocked === true,'),
      ],
    },
    run: pixelWith(() => rooted),
  }),
  untrusted({
    name: 'enrol/software-key',
    tries: 'a key in software with a genuine chain',
    defence: 'the security level, the lower of the two that are said',
    off: {
      edits: [
        held('isAtLeast(securityLevel, checks.securityLevel.minimum),'),
        held('attestationSecurityLevel === keyMintSecurityLevel,'),
      ],
    },
    run: pixelWith(() => ({ overrides: { attestationSecurityLevel: 0 } })),
  }),
  failed({
    name: 'enrol/leaked-keybox',
    tries: 'a keybox that leaked and was revoked',
    defence: 'Google’s list of revoked certificates, for each certificate of the chain',
    off: { edits: [edit(KEY, 'if (status) throw', 'if (false) throw')] },
    run: async (lab) => {
      const api = await lab.api();
      const { platform } = api.pixel('mallory');
      api.vendors.revoke(platform.keystore.serialNumber);
      const bytes = await enrolData(api, 'mallory', platform);
      const { attestation } = await platform.createAttestedKey(sha256(bytes));
      return enrol(api, bytes, attestation);
    },
  }),
  failed({
    name: 'enrol/android-other-challenge',
    tries: 'a key that was attested for another challenge',
    defence: 'the attestation challenge is the hash of the client data',
    off: {
      edits: [
        edit(
          KEY,
          'if (!matchesBytesOrText(keyDescription.attestationChallenge, input.challenge)) {',
          'if (false) {',
        ),
      ],
    },
    run: pixelWith(() => ({ overrides: { challenge: randomBytes(32) } })),
  }),
  untrusted({
    name: 'enrol/other-package',
    tries: 'another app’s attested key',
    defence: 'the package name that the system vouches for',
    off: {
      edits: [
        edit(
          KEY_CHECKS,
          'checks.packageName, names.includes(app.packageName)',
          'checks.packageName, true',
        ),
      ],
    },
    run: pixelWith(() => ({ overrides: { packageNames: ['com.example.thief'] } })),
  }),
  untrusted({
    name: 'enrol/repackaged',
    tries: 'the app, repackaged and signed by somebody else',
    defence: 'the digest of the signing certificate',
    off: { edits: [held('digests.length > 0 && ours,')] },
    run: pixelWith(() => ({ overrides: { signatureDigests: [randomBytes(32)] } })),
  }),
  untrusted({
    name: 'enrol/integrity-replayed',
    tries: 'a Play Integrity token of another request',
    defence: 'its request hash covers the client data',
    off: {
      edits: [
        edit(
          PLAY,
          "if (!bound || !sameBytes(Buffer.from(bound, 'base64'), input.clientDataHash)) {",
          'if (false) {',
        ),
      ],
    },
    run: pixelWith(
      () => ({}),
      async (attestation, { vendors }) => ({
        ...attestation,
        integrityToken: await vendors.play.requestToken(randomBytes(32)),
      }),
    ),
  }),
  untrusted({
    name: 'enrol/integrity-stale',
    tries: 'a Play Integrity verdict of yesterday',
    defence: 'a verdict ages',
    off: {
      edits: [
        edit(
          PLAY,
          'if (!(ageMs >= -CLOCK_SKEW_MS && ageMs <= input.maxAgeSeconds * 1000)) {',
          'if (false) {',
        ),
      ],
    },
    run: playSaying({ requestDetails: { timestampMillis: String(Date.now() - 86_400_000) } }),
  }),
  untrusted({
    name: 'enrol/integrity-testing',
    tries: 'a verdict that Play Console made up for testers',
    defence: 'testing responses are refused',
    off: {
      edits: [
        edit(
          PLAY,
          'if (testingDetails?.isTestingResponse && !input.allowTestingResponses) {',
          'if (false) {',
        ),
      ],
    },
    run: playSaying({ testingDetails: { isTestingResponse: true } }),
  }),
  untrusted({
    name: 'enrol/integrity-missing',
    tries: 'no Play Integrity token at all',
    defence: 'the policy requires one',
    off: { edits: [edit(ANDROID, 'setting, token !== undefined || excused', 'setting, true')] },
    run: pixelWith(
      () => ({}),
      ({ integrityToken: _, ...attestation }) => attestation,
    ),
  }),
  untrusted({
    name: 'enrol/integrity-hs256',
    tries: 'a verdict signed with the decryption key, HS256 (algorithm confusion)',
    defence: 'ES256 under the verification key, and no other algorithm',
    off: {
      edits: [
        edit(
          'functions/attestation/play-integrity/token.ts',
          "compactVerify(jws, keys.verificationKey, { algorithms: ['ES256'] })",
          'compactVerify(jws, keys.decryptionKey)',
        ),
      ],
    },
    run: async (lab) => {
      const api = await lab.api();
      const { platform } = api.pixel('mallory');
      const bytes = await enrolData(api, 'mallory', platform);
      const { attestation } = await platform.createAttestedKey(sha256(bytes));
      const options = { signatureAlgorithm: 'HS256' } as const;
      const integrityToken = await api.vendors.play.requestToken(sha256(bytes), options);
      return enrol(api, bytes, { ...attestation, integrityToken });
    },
  }),
  untrusted({
    name: 'enrol/unattested',
    tries: 'a device that says it cannot attest',
    defence: 'no key without an attestation',
    off: {
      edits: [
        edit(
          'functions/identity/enrolment.ts',
          "if (!verdict.device) throw refusal('device_not_trusted', 'attestation-missing');",
          "if (!verdict.device) return { publicKey: new Uint8Array(91), environment: 'production' as const, receipt: undefined };",
        ),
      ],
      environment: { ATTESTATION_POLICY: lenientPolicy() },
    },
    run: async (lab) => {
      const api = await lab.api();
      const { platform } = api.phone('mallory');
      return enrol(api, await enrolData(api, 'mallory', platform), { format: 'none' });
    },
  }),
];

/** A policy that bears devices without attestation. */
function lenientPolicy(): string {
  const rules = [{ unsupported: { mode: 'monitor' } }];
  const app = { platform: 'ios', teamId: 'ABCDE12345', bundleId: 'example.effects', rules };
  return JSON.stringify({ apps: [app] });
}
