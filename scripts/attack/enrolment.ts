/** Enrolment: phones that are none, apps that are not ours, attestations of others. */
import { randomBytes } from 'node:crypto';
import type { AppAttestOverrides } from '../../device/virtual/app-attest.ts';
import type { IntegrityOverrides } from '../../device/virtual/play-integrity.ts';
import { createTestRoots } from '../../device/virtual/test-roots.ts';
import { ROOTED } from '../../device/virtual/virtual-pixel.ts';
import { toBase64url } from '../../functions/encoding.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { post, sha256, withIphone } from './requests.ts';

const APPLE = 'functions/attestation/app-attest/attestation.ts';
const CHAIN = 'functions/attestation/certificate-chain.ts';
const KEY = 'functions/attestation/key-attestation/verify.ts';
const KEY_CHECKS = 'functions/attestation/policy/key-attestation-checks.ts';
const PLAY = 'functions/attestation/play-integrity/verify.ts';
const ANDROID = 'functions/attestation/policy/evaluate-android.ts';
const ANY_ISSUER = edit(CHAIN, 'if (!(await isSignedBy(issuer, certificate))) return undefined;');

type Iphone = ReturnType<Api['phone']>['platform'];
type Pixel = ReturnType<Api['pixel']>['platform'];

/** Client data of an enrolment, as bytes. */
async function enrolData(api: Api, user: string, platform: Iphone | Pixel, changes: object = {}) {
  const { appId, appVersion } = platform;
  const challenge = await api.api(user).challenge('device.enroll');
  const data = { type: 'device.enroll', challenge, platform: platform.platform, appId, appVersion };
  return Buffer.from(JSON.stringify({ ...data, ...changes }));
}

const enrol = (api: Api, bytes: Uint8Array, attestation: object, user = 'mallory') =>
  outcomeOf(post(api, '/v1/devices', { clientData: toBase64url(bytes), attestation }, { user }));

/** What an iPhone attests for these bytes, other parts in place of the genuine ones. */
async function appAttestation(
  phone: Iphone,
  bytes: Uint8Array,
  overrides: AppAttestOverrides = {},
) {
  const keyId = await phone.appAttest.generateKey();
  const object = await phone.appAttest.attestKey(keyId, sha256(bytes), overrides);
  return { format: 'apple-appattest', keyId, attestationObject: toBase64url(object) };
}

/** An iPhone that enrols with parts of its attestation replaced. */
const iphoneWith = (overrides: AppAttestOverrides) => async (lab: Lab) => {
  const api = await lab.api();
  const { platform } = api.phone('mallory');
  const bytes = await enrolData(api, 'mallory', platform);
  return enrol(api, bytes, await appAttestation(platform, bytes, overrides));
};

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

const untrusted = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '403 device_not_trusted',
  ...attack,
});
const failed = (attack: Omit<Attack, 'refused'>): Attack => ({
  refused: '403 attestation_failed',
  ...attack,
});

const ios: readonly Attack[] = [
  failed({
    name: 'enrol/forged-chain',
    tries: 'a whole App Attest hierarchy of one’s own, with the same names',
    defence: 'the chain ends at a pinned root, by its key',
    off: { edits: [ANY_ISSUER] },
    run: async (lab) => {
      const api = await lab.api();
      const { platform } = api.phone('mallory', { roots: createTestRoots() });
      const bytes = await enrolData(api, 'mallory', platform);
      return enrol(api, bytes, await appAttestation(platform, bytes));
    },
  }),
  failed({
    name: 'enrol/root-sent-along',
    tries: 'a self-made root at the end of x5c (GHSA-6hxq-p678-4hr2)',
    defence: 'roots are pinned; one that was sent along is no anchor',
    off: {
      edits: [
        edit(
          CHAIN,
          'const anchors = trustAnchors.map(anchorOf);',
          'const anchors = [...trustAnchors.map(anchorOf), parseCertificate(x5c.at(-1) as Uint8Array)];',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const roots = { ...createTestRoots(), appleReceipt: api.roots.appleReceipt };
      const { platform } = api.phone('mallory', { roots });
      const bytes = await enrolData(api, 'mallory', platform);
      // The leaf comes from the virtual phone; its chain is completed here.
      const { decodeCbor } = await lab.load<typeof import('../../functions/attestation/cbor.ts')>(
        'functions/attestation/cbor.ts',
      );
      const { encodeCbor } = await import('../../device/virtual/cbor.ts');
      const attestation = await appAttestation(platform, bytes);
      const object = new Map(
        decodeCbor(Buffer.from(attestation.attestationObject, 'base64url')) as Map<string, never>,
      );
      const statement = new Map<string, never>(object.get('attStmt'));
      const x5c = [...(statement.get('x5c') as unknown as Uint8Array[]), roots.appAttest.root.raw];
      statement.set('x5c', x5c as never);
      object.set('attStmt', statement as never);
      const attestationObject = toBase64url(encodeCbor(object as never));
      return enrol(api, bytes, { ...attestation, attestationObject });
    },
  }),
  failed({
    name: 'enrol/other-app',
    tries: 'an attestation of another app of the same developer',
    defence: 'the RP ID hash is that of an app of the policy',
    off: {
      edits: [
        edit(
          APPLE,
          'const app = input.apps.find((known) => sameBytes(sha256(appIdOf(known)), data.rpIdHash));',
          'const [app] = input.apps;',
        ),
      ],
    },
    run: iphoneWith({ rpIdHash: sha256('ABCDE12345.example.other') }),
  }),
  failed({
    name: 'enrol/development-build',
    tries: 'an attestation of the development environment, as any developer can make',
    defence: 'environments are configuration, and production is the only one by default',
    off: {
      edits: [edit(APPLE, 'if (!input.environments.includes(environment)) {', 'if (false) {')],
    },
    run: iphoneWith({ aaguid: Buffer.from('appattestdevelop') }),
  }),
  failed({
    name: 'enrol/replayed-attestation',
    tries: 'an attestation that was made for another challenge',
    defence: 'the nonce in the certificate covers the client data',
    off: {
      edits: [
        edit(
          APPLE,
          "if (!sameBytes(readNonce(credCert), nonce)) throw new AttestationError('nonce-mismatch');",
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { platform } = api.phone('mallory');
      const recorded = await enrolData(api, 'mallory', platform);
      const attestation = await appAttestation(platform, recorded);
      return enrol(api, await enrolData(api, 'mallory', platform), attestation);
    },
  }),
  failed({
    name: 'enrol/other-key-id',
    tries: 'a key id that is not the attested key’s',
    defence: 'the key id is the hash of the certificate’s key',
    off: {
      edits: [
        edit(
          APPLE,
          "if (!sameBytes(keyId, input.keyId)) throw new AttestationError('key-id-mismatch');",
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { platform } = api.phone('mallory');
      const bytes = await enrolData(api, 'mallory', platform);
      const keyId = randomBytes(32).toString('base64');
      return enrol(api, bytes, { ...(await appAttestation(platform, bytes)), keyId });
    },
  }),
  failed({
    name: 'enrol/used-counter',
    tries: 'an attestation whose counter is not zero',
    defence: 'a key is attested before it is used',
    off: { edits: [edit(APPLE, 'if (data.signCount !== 0)', 'if (false)')] },
    run: iphoneWith({ signCount: 7 }),
  }),
  failed({
    name: 'enrol/expired-certificate',
    tries: 'a credential certificate that ended an hour ago',
    defence: 'certificates have dates',
    off: {
      edits: [
        edit(
          CHAIN,
          "if (!(now.getTime() <= certificate.notAfter)) throw new AttestationError('certificate-expired');",
        ),
      ],
    },
    run: iphoneWith({ notAfter: new Date(Date.now() - 3_600_000) }),
  }),
  {
    name: 'enrol/relayed',
    tries: 'somebody else’s whole enrolment under one’s own token',
    refused: '403 challenge_invalid',
    defence: 'the challenge in the attested client data belongs to the user',
    off: {
      edits: [
        edit(
          'functions/identity/challenge.ts',
          'body, userId))\n      .digest()',
          'body))\n      .digest()',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { platform } = api.phone('alice');
      const bytes = await enrolData(api, 'alice', platform);
      return enrol(api, bytes, await appAttestation(platform, bytes), 'mallory');
    },
  },
  {
    name: 'enrol/retire-others',
    tries: 'an enrolment that says it replaces another user’s device',
    refused: 'the other device stays',
    defence: 'only devices of the user’s own list are retired',
    off: {
      edits: [
        edit(
          'functions/identity/user-devices.ts',
          'retired: known.filter((id) => !devices.includes(id)),',
          'retired: replaces ? [replaces] : [],',
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const { enrolment } = await withIphone(api, 'alice');
      const { platform } = api.phone('mallory');
      const bytes = await enrolData(api, 'mallory', platform, { replaces: enrolment.deviceId });
      await enrol(api, bytes, await appAttestation(platform, bytes));
      const device = await api.clients.documents.get(`devices/${enrolment.deviceId}`);
      return device?.['retiredAt'] ? SUCCEEDED : 'the other device stays';
    },
  },
  untrusted({
    name: 'enrol/unknown-app',
    tries: 'an app that is in no policy, attested as itself',
    defence: 'the policy lists the apps',
    off: {
      environment: {
        ATTESTATION_POLICY: JSON.stringify({
          apps: [
            { platform: 'ios', teamId: 'ABCDE12345', bundleId: 'example.copycat', rules: [{}] },
          ],
        }),
      },
    },
    async run(lab) {
      const api = await lab.api();
      const { platform } = api.phone('mallory', { bundleId: 'example.copycat' });
      const bytes = await enrolData(api, 'mallory', platform);
      return enrol(api, bytes, await appAttestation(platform, bytes));
    },
  }),
];

const rooted = { overrides: ROOTED };
const held = (find: string) => edit(KEY_CHECKS, find, 'true,');

const android: readonly Attack[] = [
  untrusted({
    name: 'enrol/rooted',
    tries: 'a rooted Pixel: unlocked bootloader, a system of somebody else’s',
    defence: 'verified boot and lock state, as the hardware says them',
    off: {
      edits: [
        held("rootOfTrust?.verifiedBootState === 'VERIFIED' || isCustomSystem(rootOfTrust, rule),"),
        held('rootOfTrust?.deviceLocked === true,'),
      ],
    },
    run: pixelWith(() => rooted),
  }),
  untrusted({
    name: 'enrol/software-key',
    tries: 'a key in software with a genuine chain',
    defence: 'the security level, the lower of the two that are said',
    off: { edits: [held('isAtLeast(facts.securityLevel, minimum),')] },
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
          'if (!saysBytes(keyDescription.attestationChallenge, input.challenge)) {',
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
          "if (bound === undefined || !sameBytes(Buffer.from(bound, 'base64'), input.clientDataHash)) {",
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

export const enrolment: readonly Attack[] = [...ios, ...android];
