/** Enrolment: iPhones that are none, apps that are not ours, attestations of others. */
import { randomBytes } from 'node:crypto';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type { AppAttestOverrides } from '../virtual-phones/app-attest.ts';
import { createTestRoots } from '../virtual-phones/test-roots.ts';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import { appAttestation, enrol, enrolData, failed, untrusted } from './enrolment-requests.ts';
import type { Lab } from './lab.ts';
import { sha256, withIphone } from './requests.ts';

const APPLE = 'functions/attestation/app-attest/attestation.ts';
const CHAIN = 'functions/attestation/certificate-chain.ts';
const ANY_ISSUER = edit(CHAIN, 'if (!(await isSignedBy(issuer, certificate))) return undefined;');

/** An iPhone that enrols with parts of its attestation replaced. */
const iphoneWith = (overrides: AppAttestOverrides) => async (lab: Lab) => {
  const api = await lab.api();
  const { platform } = api.phone('mallory');
  const bytes = await enrolData(api, 'mallory', platform);
  return enrol(api, bytes, await appAttestation(platform, bytes, overrides));
};

export const iosEnrolment: readonly Attack[] = [
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
      const { encodeCbor } = await import('../virtual-phones/cbor.ts');
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
      edits: [edit('functions/identity/challenge.ts', 'body, lastName(userId)))', 'body))')],
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
          'return { ...change(before, after), approvedFrom };',
          'return { ...change(before, after), retired: replaces ? [replaces] : [], approvedFrom };',
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
