/** Device proofs: of other devices, of barred ones, and of other keys. */
import { createHash } from 'node:crypto';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { encodeCbor } from '../virtual-phones/cbor.ts';
import { type Attack, edit, outcomeOf } from './attack.ts';
import { enrolAgain } from './enrolment-requests.ts';
import type { Api, Lab } from './lab.ts';
import {
  type Caller,
  caller,
  changeDevice,
  grantData,
  post,
  postGrant,
  proven,
  sha256,
  withIphone,
  withPixel,
} from './requests.ts';

const ASSERTION = 'functions/attestation/app-attest/assertion.ts';
const PROOF = 'functions/identity/device-proof.ts';
const CALL = 'functions/identity/device-call.ts';
const UNSIGNED = edit(
  ASSERTION,
  'if (!isSigned(nonce, input.publicKey, signature)) {',
  'if (false) {',
);
const ANYBODYS = edit(
  PROOF,
  "if (device.user !== userId) throw unknown('device_of_another_user');",
);

/** A device document with other members, as time or an operator would leave it. */
const refusedGrant = (prepare: (caller: Caller) => Promise<unknown>) => async (lab: Lab) => {
  const mallory = await withIphone(await lab.api(), 'mallory');
  await prepare(mallory);
  return outcomeOf(postGrant(mallory, await grantData(mallory)));
};

export const proofs: readonly Attack[] = [
  {
    name: 'proof/second-device',
    tries: 'a proof by a second phone in the name of the enrolled one (relay)',
    refused: '403 proof_invalid',
    defence: 'a proof is by the key that was attested',
    off: { edits: [UNSIGNED] },
    async run(lab) {
      const api = await lab.api();
      const [first, second] = [await withIphone(api, 'mallory'), await withIphone(api, 'mallory')];
      const request = await proven(second, await grantData(first));
      return outcomeOf(post(api, '/v1/models/smile/grants', request));
    },
  },
  {
    name: 'proof/other-users-device',
    tries: 'a genuine phone of another user proves for one’s own account (brokering)',
    refused: '403 device_unknown',
    defence: 'a device belongs to the user who enrolled it',
    off: { edits: [ANYBODYS] },
    async run(lab) {
      const alice = await withIphone(await lab.api(), 'alice');
      const data = await grantData({ ...alice, user: 'mallory' });
      const request = await proven(alice, data);
      return outcomeOf(post(alice.api, '/v1/models/smile/grants', request));
    },
  },
  {
    name: 'proof/other-users-device-id',
    tries: 'another user’s device id with a proof by one’s own phone',
    refused: '403 device_unknown',
    defence: 'a device belongs to its user, and a proof is by its key',
    off: { edits: [ANYBODYS, UNSIGNED] },
    async run(lab) {
      const api = await lab.api();
      const { enrolment } = await withIphone(api, 'alice');
      const mallory = await withIphone(api, 'mallory');
      const data = await grantData(mallory, { deviceId: enrolment.deviceId });
      return outcomeOf(postGrant(mallory, data));
    },
  },
  {
    name: 'proof/retired-device',
    tries: 'the key of a device that was retired',
    refused: '403 device_unknown',
    defence: 'a retired device proves nothing',
    off: { edits: [edit(PROOF, "if (device.retiredAt) throw unknown('device_retired');")] },
    run: refusedGrant((mallory) => changeDevice(mallory, { retiredAt: new Date() })),
  },
  {
    name: 'proof/other-format',
    tries: 'an App Attest assertion that was signed with an Android key',
    refused: '403 proof_invalid',
    defence: 'the format of a proof is that of the device’s platform',
    off: {
      edits: [edit(PROOF, "if (proof.format !== expected) throw invalid('format-unknown');")],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const bytes = Buffer.from(JSON.stringify(await grantData(mallory)));
      const counter = Buffer.from([0x40, 0, 0, 0, 9]);
      const authenticatorData = Buffer.concat([sha256(mallory.platform.appId), counter]);
      const nonce = createHash('sha256').update(authenticatorData).update(sha256(bytes)).digest();
      const { signature } = await mallory.platform.prove(mallory.enrolment.keyHandle, nonce);
      const assertion = encodeCbor(
        new Map([
          ['signature', Buffer.from(String(signature), 'base64url')],
          ['authenticatorData', authenticatorData],
        ]),
      );
      const proof = { format: 'apple-appattest', assertion: toBase64url(assertion) };
      const request = { clientData: toBase64url(bytes), proof };
      return outcomeOf(post(mallory.api, '/v1/models/smile/grants', request));
    },
  },
  {
    name: 'proof/zero-signature',
    tries: 'an ECDSA signature of r = s = 0 (CVE-2022-21449)',
    refused: '403 proof_invalid',
    defence: 'the signature is verified by OpenSSL',
    off: {
      edits: [edit(PROOF, "if (!signed) throw invalid('signature-invalid');")],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const { clientData: bytes } = await proven(mallory, await grantData(mallory));
      const signature = Buffer.from('3006020100020100', 'hex').toString('base64url');
      const request = { clientData: bytes, proof: { format: 'android-key', signature } };
      return outcomeOf(post(mallory.api, '/v1/models/smile/grants', request));
    },
  },
  {
    name: 'proof/other-apps-key',
    tries: 'a proof that names another app of the same team',
    refused: '403 proof_invalid',
    defence: 'the RP ID hash is that of the app that attested',
    off: {
      edits: [
        edit(
          ASSERTION,
          "if (!sameBytes(rpIdHash, data.rpIdHash)) throw new AttestationError('rp-id-mismatch');",
        ),
      ],
    },
    async run(lab) {
      const api = await lab.api();
      const phone = api.phone('mallory');
      const mallory = await caller(api, 'mallory', phone);
      const bytes = Buffer.from(JSON.stringify(await grantData(mallory)));
      const overrides = { rpIdHash: sha256('ABCDE12345.example.other') };
      const assertion = await phone.platform.appAttest.generateAssertion(
        mallory.enrolment.keyHandle,
        sha256(bytes),
        overrides,
      );
      const proof = { format: 'apple-appattest', assertion: toBase64url(assertion) };
      const request = { clientData: toBase64url(bytes), proof };
      return outcomeOf(post(api, '/v1/models/smile/grants', request));
    },
  },
  {
    name: 'proof/blocked-user',
    tries: 'a user who is blocked asks on',
    refused: '403 blocked',
    defence: 'the blocklist is read in the grant’s own transaction',
    off: {
      edits: [edit(CALL, "if (isHeldUp('userBlocked')) refuseIfBlocked([userBlock], now);")],
    },
    run: refusedGrant(({ api, user }) => block(api, `user_${api.userId(user)}`)),
  },
  {
    name: 'proof/blocked-device',
    tries: 'a device that is blocked asks on',
    refused: '403 blocked',
    defence: 'the blocklist is read in the grant’s own transaction',
    off: {
      edits: [edit(CALL, "if (isHeldUp('deviceBlocked')) refuseIfBlocked([deviceBlock], now);")],
    },
    run: refusedGrant(({ api, enrolment }) => block(api, `device_${enrolment.deviceId}`)),
  },
  {
    name: 'proof/blocked-device-new-account',
    tries: 'a blocked device is enrolled again by a fresh account of its owner',
    refused: '409 device_conflict',
    defence: 'a key stays with the account that enrolled it',
    off: {
      edits: [
        edit(
          'functions/identity/register-device.ts',
          "if (!isHis || !(await isSealed(deviceId, device))) throw new ServiceError('device_conflict');",
        ),
      ],
    },
    async run(lab) {
      const mallory = await withIphone(await lab.api(), 'mallory');
      return enrolAgain({ ...mallory, user: 'mallory-2' });
    },
  },
  {
    name: 'proof/old-attestation',
    tries: 'a device whose attestation is a year old',
    refused: '403 reattestation_required',
    defence: 'attestations age',
    off: { edits: [edit(CALL, "if (isHeldUp('attestationOld'))", 'if (false)')] },
    run: refusedGrant((mallory) =>
      changeDevice(mallory, { enrolledAt: new Date(Date.now() - 365 * 86_400_000) }),
    ),
  },
];

const block = (api: Api, subject: string): Promise<void> =>
  api.clients.documents.set(`blocklist/${subject}`, {
    until: new Date(Date.now() + 3_600_000),
  });
