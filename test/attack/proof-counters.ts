/** Copies of a key: proofs whose counter was seen before. */
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { enrolAgain } from './enrolment-requests.ts';
import type { Api } from './lab.ts';
import { type Caller, caller, grantData, postGrant } from './requests.ts';

const CALL = 'functions/identity/device-call.ts';
const COUNTER = edit(
  'functions/attestation/app-attest/assertion.ts',
  'if (!(data.signCount > input.previousSignCount)) {',
  'if (false) {',
);

/** A virtual iPhone that says this counter in each proof, as a copy of its key would. */
const stuckIphone = (api: Api, user: string, signCount: number): Promise<Caller> => {
  const phone = api.phone(user);
  const { appAttest } = phone.platform;
  const prove = async (keyHandle: string, hash: Uint8Array) => {
    const assertion = await appAttest.generateAssertion(keyHandle, hash, { signCount });
    return { format: 'apple-appattest', assertion: toBase64url(assertion) };
  };
  Object.assign(phone.platform, { prove });
  return caller(api, user, phone);
};

export const proofCounters: readonly Attack[] = [
  {
    name: 'proof/counter-rollback',
    tries: 'a proof whose counter was seen before: a copied key',
    refused: '403 proof_invalid',
    defence: 'the counter of App Attest must grow',
    off: { edits: [COUNTER] },
    async run(lab) {
      const mallory = await stuckIphone(await lab.api(), 'mallory', 3);
      await postGrant(mallory, await grantData(mallory));
      return outcomeOf(postGrant(mallory, await grantData(mallory)));
    },
  },
  {
    name: 'proof/counter-race',
    tries: 'two proofs with one counter at the same time',
    refused: '403 proof_invalid',
    defence: 'counter and grant are one transaction',
    off: {
      edits: [
        edit(CALL, '{ signCount, appVersion: call.appVersion,', '{ appVersion: call.appVersion,'),
      ],
    },
    async run(lab) {
      const mallory = await stuckIphone(await lab.api(), 'mallory', 3);
      const requests = [await grantData(mallory), await grantData(mallory)];
      const outcomes = await Promise.all(
        requests.map((data) => outcomeOf(postGrant(mallory, data))),
      );
      return outcomes.find((outcome) => outcome !== SUCCEEDED) ?? SUCCEEDED;
    },
  },
  {
    name: 'proof/counter-reset-by-enrolment',
    tries: 'enrolling the same key again so that its counter begins anew',
    refused: '403 proof_invalid',
    defence: 'a known key keeps its counter',
    off: {
      edits: [
        edit(
          'functions/identity/register-device.ts',
          'return { deviceId, device, retired: [] };',
          'tx.update(devicePath(deviceId), { signCount: 0 }); return { deviceId, device, retired: [] };',
        ),
      ],
    },
    async run(lab) {
      const mallory = await stuckIphone(await lab.api(), 'mallory', 1);
      await postGrant(mallory, await grantData(mallory));
      await enrolAgain(mallory);
      return outcomeOf(postGrant(mallory, await grantData(mallory)));
    },
  },
];
