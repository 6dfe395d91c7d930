/** Challenges: spent twice, forged, stretched, carried elsewhere. */
import { fromBase64url, toBase64url } from '../../functions/protocol/encoding.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';
import {
  type Caller,
  clientData,
  grantData,
  post,
  postGrant,
  proven,
  withIphone,
  withPixel,
} from './requests.ts';

const FILE = 'functions/identity/challenge.ts';
const CALL = 'functions/identity/device-call.ts';
const SPEND = 'tx.create(challengePath(challenge), spentChallengeDocument(challenge));';
const REUSABLE = [
  edit(CALL, "if (own.spent) throw new ServiceError('challenge_spent');"),
  edit(CALL, SPEND),
];
const FORGEABLE = edit(
  FILE,
  'if (!timingSafeEqual(bytes.subarray(BODY_BYTES), mac(body, userId))) {',
  'if (false) {',
);
const FOR_ANYBODY = edit(FILE, 'body, lastName(userId)))', 'body))');
const UNSIGNED = edit(
  'functions/attestation/app-attest/assertion.ts',
  'if (!isSigned(nonce, input.publicKey, signature)) {',
  'if (false) {',
);

/** A grant whose client data holds this challenge, made of a genuine one. */
const withChallenge =
  (change: (genuine: string) => string) =>
  async (lab: Lab): Promise<string> => {
    const mallory = await withPixel(await lab.api(), 'mallory');
    const data = await grantData(mallory);
    const challenge = change(data.challenge);
    return outcomeOf(postGrant(mallory, { ...data, challenge }));
  };

function changed(token: string, change: (bytes: Uint8Array) => void): string {
  const bytes = fromBase64url(token) ?? new Uint8Array();
  change(bytes);
  return toBase64url(bytes);
}

/** The challenge that an answer to a grant brings. */
async function nextChallenge(from: Caller): Promise<string> {
  const answer = await postGrant(from, await grantData(from));
  return /^"([^"]+)"/.exec(answer.headers.get('next-challenge') ?? '')?.[1] ?? '';
}

const nextChallenges: readonly Attack[] = [
  {
    name: 'challenge/next-twice',
    tries: 'the challenge that came with an answer, for two grants',
    refused: '409 challenge_spent',
    defence: 'a challenge is spent in the grant’s own transaction, however it came',
    off: { edits: REUSABLE },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const challenge = await nextChallenge(mallory);
      await postGrant(mallory, await grantData(mallory, { challenge }));
      return outcomeOf(postGrant(mallory, await grantData(mallory, { challenge })));
    },
  },
  {
    name: 'challenge/next-of-another-user',
    tries: 'the challenge that came with somebody else’s answer',
    refused: '403 challenge_invalid',
    defence: 'the MAC covers the user',
    off: { edits: [FOR_ANYBODY] },
    async run(lab) {
      const api = await lab.api();
      const [mallory, alice] = [await withPixel(api, 'mallory'), await withPixel(api, 'alice')];
      const challenge = await nextChallenge(alice);
      return outcomeOf(postGrant(mallory, await grantData(mallory, { challenge })));
    },
  },
  {
    name: 'challenge/next-of-another-device',
    tries:
      'the challenge and the id of a device of the same user, whose token was stolen, with another key’s proof',
    refused: '403 proof_invalid',
    defence: 'the proof is by the key of the device that the client data names',
    off: { edits: [UNSIGNED] },
    async run(lab) {
      const api = await lab.api();
      const [mallory, alice] = [await withIphone(api, 'mallory'), await withIphone(api, 'alice')];
      const data = await grantData(alice, { challenge: await nextChallenge(alice) });
      // His key's counter is to be no reason.
      for (let used = 0; used < 3; used++) await proven(mallory, data);
      const request = await proven(mallory, data);
      return outcomeOf(post(api, '/v1/models/smile/grants', request, { user: 'alice' }));
    },
  },
  {
    name: 'challenge/next-for-a-report',
    tries: 'the challenge that came with an answer, for a report',
    refused: '403 challenge_invalid',
    defence: 'it is for a grant',
    off: {
      edits: [
        edit(
          FILE,
          "if (CHALLENGE_PURPOSES[view.readUInt8(1)] !== purpose) throw refusal('challenge_purpose');",
        ),
      ],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const data = await clientData(mallory, 'events', { events: [], held: [] });
      const challenge = await nextChallenge(mallory);
      const request = await proven(mallory, { ...data, challenge });
      return outcomeOf(post(mallory.api, '/v1/events', request));
    },
  },
];

export const challenges: readonly Attack[] = [
  ...nextChallenges,
  {
    name: 'challenge/replay',
    tries: 'a recorded request of one’s own, sent again',
    refused: '409 challenge_spent',
    defence: 'a challenge is spent in the grant’s own transaction',
    off: { edits: REUSABLE },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const request = await proven(mallory, await grantData(mallory));
      const send = () => post(mallory.api, '/v1/models/smile/grants', request);
      await send();
      return outcomeOf(send());
    },
  },
  {
    name: 'challenge/replay-concurrent',
    tries: 'the same request fifty times at once',
    refused: 'one of fifty',
    defence: 'a challenge is spent by creating a document: one of all wins',
    off: { edits: REUSABLE },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const request = await proven(mallory, await grantData(mallory));
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () =>
          outcomeOf(post(mallory.api, '/v1/models/smile/grants', request)),
        ),
      );
      // Scoring may block him before the last of them arrives; what counts is how many got through.
      const granted = outcomes.filter((outcome) => outcome === SUCCEEDED).length;
      return granted === 1 ? 'one of fifty' : SUCCEEDED;
    },
  },
  {
    name: 'challenge/second-spelling',
    tries: 'a spent challenge in another base64url spelling of the same bytes',
    refused: '403 challenge_invalid',
    defence: 'base64url is read in its canonical spelling alone',
    off: {
      edits: [
        edit(
          'functions/protocol/encoding.ts',
          'return held === 0 ? bytes : null;',
          'return bytes;',
        ),
      ],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const data = await grantData(mallory);
      await postGrant(mallory, data);
      const last = data.challenge.charCodeAt(77);
      const challenge = data.challenge.slice(0, 77) + String.fromCharCode(last + 1);
      return outcomeOf(postGrant(mallory, { ...data, challenge }));
    },
  },
  {
    name: 'challenge/forged',
    tries: 'a challenge with a nonce and a MAC of one’s own',
    refused: '403 challenge_invalid',
    defence: 'the MAC over version, purpose, end, nonce and user',
    off: { edits: [FORGEABLE] },
    run: withChallenge((genuine) => changed(genuine, (bytes) => bytes.fill(7, 10))),
  },
  {
    name: 'challenge/stretched',
    tries: 'a genuine challenge whose end was moved a year on',
    refused: '403 challenge_invalid',
    defence: 'the MAC covers the end',
    off: { edits: [FORGEABLE] },
    run: withChallenge((genuine) =>
      changed(genuine, (bytes) => {
        bytes[5] = (bytes[5] ?? 0) + 1;
      }),
    ),
  },
  {
    name: 'challenge/old-version',
    tries: 'a challenge that says it is of another version',
    refused: '403 challenge_invalid',
    defence: 'the MAC covers the version, and only one is known',
    off: {
      edits: [
        FORGEABLE,
        edit(FILE, "if (view.readUInt8(0) !== VERSION) throw refusal('challenge_version');"),
      ],
    },
    run: withChallenge((genuine) => changed(genuine, (bytes) => bytes.fill(0, 0, 1))),
  },
  {
    name: 'challenge/expired',
    tries: 'a challenge that was kept for five minutes and a second',
    refused: '403 challenge_invalid',
    defence: 'a challenge ends after five minutes',
    off: { edits: [edit(FILE, "if (expiresAt <= now) throw refusal('challenge_expired');")] },
    async run(lab) {
      let passedMs = 0;
      const api = await lab.api({
        wrap: (services) => ({ ...services, now: () => new Date(Date.now() + passedMs) }),
      });
      const mallory = await withPixel(api, 'mallory');
      const data = await grantData(mallory);
      passedMs = 301_000;
      return outcomeOf(postGrant(mallory, data));
    },
  },
  {
    name: 'challenge/other-user',
    tries: 'a challenge that was given to somebody else',
    refused: '403 challenge_invalid',
    defence: 'the MAC covers the user',
    off: { edits: [FOR_ANYBODY] },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const challenge = await mallory.api.api('alice').challenge('model.grant');
      return outcomeOf(postGrant(mallory, await grantData(mallory, { challenge })));
    },
  },
  {
    name: 'challenge/other-purpose',
    tries: 'a challenge for reports, used for a grant',
    refused: '403 challenge_invalid',
    defence: 'a challenge is for one purpose',
    off: {
      edits: [
        edit(
          FILE,
          "if (CHALLENGE_PURPOSES[view.readUInt8(1)] !== purpose) throw refusal('challenge_purpose');",
        ),
      ],
    },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      const challenge = await mallory.api.api('mallory').challenge('events');
      return outcomeOf(postGrant(mallory, await grantData(mallory, { challenge })));
    },
  },
  {
    name: 'challenge/token-swap',
    tries: 'another user’s whole request under one’s own token',
    refused: '403 challenge_invalid',
    defence: 'challenge and device belong to the user of the token',
    off: {
      edits: [
        FOR_ANYBODY,
        edit(
          'functions/identity/device-proof.ts',
          "if (device.user !== userId) throw unknown('device_of_another_user');",
        ),
      ],
    },
    async run(lab) {
      const alice = await withIphone(await lab.api(), 'alice');
      const request = await proven(alice, await grantData(alice));
      return outcomeOf(post(alice.api, '/v1/models/smile/grants', request, { user: 'mallory' }));
    },
  },
  {
    name: 'challenge/other-model-in-path',
    tries: 'a request for one model, sent to the address of another',
    refused: '422 request_invalid',
    defence: 'the path must name the model of the client data',
    off: {
      edits: [
        edit('functions/api/grant.ts', "if (data.modelId !== params['modelId']) {", 'if (false) {'),
      ],
    },
    async run(lab) {
      const mallory = await withIphone(await lab.api(), 'mallory');
      return outcomeOf(postGrant(mallory, await grantData(mallory), 'effect'));
    },
  },
  {
    name: 'challenge/other-model-in-data',
    tries: 'a recorded proof under client data that names another model',
    refused: '403 proof_invalid',
    defence: 'the proof covers the exact bytes of the client data',
    off: { edits: [UNSIGNED] },
    async run(lab) {
      const alice = await withIphone(await lab.api(), 'alice');
      await alice.api.publish('effect', Buffer.from('another model'), { format: 'opaque' });
      const data = await grantData(alice, { modelId: 'effect' });
      const { proof } = await proven(alice, { ...data, modelId: 'smile' });
      const { clientData } = await proven(alice, data);
      const request = { clientData, proof };
      return outcomeOf(post(alice.api, '/v1/models/effect/grants', request, { user: 'alice' }));
    },
  },
  {
    name: 'challenge/other-recipient',
    tries: 'a request on its way, with the recipient key and the suite of the man in the middle',
    refused: '403 proof_invalid',
    defence: 'the proof covers recipient key and suite: no substitution and no downgrade',
    off: { edits: [UNSIGNED] },
    async run(lab) {
      const alice = await withIphone(await lab.api(), 'alice');
      const suite = 'XWING-HKDF-SHA256-AES256GCM';
      const data = await grantData(alice);
      const { proof } = await proven(alice, { ...data, suite, recipientKey: 'A'.repeat(1622) });
      const { clientData } = await proven(alice, data);
      const request = { clientData, proof };
      return outcomeOf(post(alice.api, '/v1/models/smile/grants', request, { user: 'alice' }));
    },
  },
];
