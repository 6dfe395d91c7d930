/** Rotations: keys that sign no more, keys that leaked, and names that change while somebody is kept out. */
import type * as seals from '../../functions/identity/device-seal.ts';
import { readDevice } from '../../functions/identity/devices.ts';
import type * as keying from '../../functions/privacy/re-key.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import type * as licences from '../../functions/protocol/licence.ts';
import type * as manifests from '../../functions/protocol/manifest.ts';
import type * as crypto from '../../functions/protocol/node-crypto.ts';
import type * as doubles from '../doubles/memory/keys.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { HOUR_MS } from './delivery.ts';
import type { Api, Lab } from './lab.ts';
import { type Caller, grantData, postGrant, withPixel } from './requests.ts';

const VERSIONS = 'functions/cloud/signing-versions.ts';
const NAMED = 'functions/privacy/named-documents.ts';
const JWS = 'functions/protocol/jws.ts';
/** Whatever is signed in the name of some version of the key is believed. */
const ANY_VERSION = [
  edit(
    JWS,
    'keys.find((candidate) => candidate.kid === kid)',
    "keys.find((candidate) => candidate.kid.split('.')[0] === String(kid).split('.')[0])",
  ),
  edit(JWS, 'if (!(await crypto.verifyEs256(key, signingInput, signature))) {', 'if (false) {'),
];

const all = (versions: { signing: number; announced: number[]; retired: number[] }) => ({
  manifest: versions,
  licence: versions,
  device: versions,
});

/** The key service before a rotation, and after its last step, in which version 1 is not even named. */
async function rotated(lab: Lab) {
  const { memoryKeyRing, memoryKeys } = await lab.load<typeof doubles>(
    'test/doubles/memory/keys.ts',
  );
  const ring = memoryKeyRing();
  return {
    before: memoryKeys(all({ signing: 1, announced: [2], retired: [] }), ring),
    during: memoryKeys(all({ signing: 2, announced: [3], retired: [1] }), ring),
    after: memoryKeys(all({ signing: 2, announced: [3], retired: [] }), ring),
  };
}

const signsWith = (state: string, kid: string): Attack => ({
  name: `rotation/${state}-version-signs`,
  tries: `a function that was broken into signs with a version that is ${state}`,
  refused: 'does not sign',
  defence: 'only the version that the deployment chose signs',
  off: { edits: [edit(VERSIONS, 'signingKidOf(keys, key) === kid', 'kid.startsWith(key)')] },
  async run(lab) {
    const { during } = await rotated(lab);
    return during.sign(kid, Buffer.from('a delegate')).then(
      () => SUCCEEDED,
      () => 'does not sign',
    );
  },
});

const leaked = (
  what: string,
  refused: string,
  defence: string,
  run: (lab: Lab, keys: Awaited<ReturnType<typeof rotated>>) => Promise<string>,
): Attack => ({
  name: `rotation/${what}-of-leaked-key`,
  tries: `a ${what} signed with the version that leaked and was rotated away`,
  refused,
  defence,
  off: { edits: ANY_VERSION },
  run: async (lab) => run(lab, await rotated(lab)),
});

const PINS = 'an app whose pins are without the old version believes nothing of it';
const NOW = new Date('2026-11-24T12:00:00Z');
const DIGEST = 'A'.repeat(43);

/** What somebody may whose name has changed since `before`. */
const renamedAttack = (
  attack: Pick<Attack, 'name' | 'tries' | 'refused'>,
  collection: string,
  before: (api: Api, mallory: Caller) => Promise<unknown>,
): Attack => ({
  ...attack,
  defence: 'everything that is kept by a name moves to the next one, as it is',
  off: {
    edits: [
      edit(NAMED, `  '${collection}',\n`),
      edit('functions/privacy/re-key.ts', '[riskPath, blockPath, erasurePath]', '[riskPath]'),
    ],
  },
  async run(lab) {
    const { reKey } = await lab.load<typeof keying>('functions/privacy/re-key.ts');
    const api = await twoSecrets(lab);
    const mallory = await withPixel(api, 'mallory');
    await before(api, mallory);
    await reKey(api.services, { dryRun: false, settle: async () => undefined }, new Date());
    return outcomeOf(postGrant(mallory, await grantData(mallory)));
  },
});

const twoSecrets = (lab: Lab): Promise<Api> =>
  lab.api({
    environment: {
      PSEUDONYM_SECRET: [2, 3].map((each) => toBase64url(Buffer.alloc(32, each))).join(','),
      BLOCK_DELAY_SECONDS: '0',
      PLANS: JSON.stringify({ default: { grantsPerDay: 1, modelsPerDay: 1 } }),
    },
  });

export const rotations: readonly Attack[] = [
  signsWith('retired', 'licence.1'),
  signsWith('announced', 'manifest.3'),
  leaked('licence', 'signer-untrusted', PINS, async (lab, { before, after }) => {
    const { createDelegate, signLicence, verifyLicence } = await lab.load<typeof licences>(
      'functions/protocol/licence.ts',
    );
    const { nodeCrypto } = await lab.load<typeof crypto>('functions/protocol/node-crypto.ts');
    const sign = (message: Uint8Array) => before.sign('licence.1', message);
    const delegate = await createDelegate({
      ...{ kid: 'licence.1', sign },
      ...{ now: NOW, maxLicenceSeconds: 1e9 },
    });
    const iat = NOW.getTime() / 1000;
    const named = { grantId: 'g', userId: 'u', deviceId: 'd', model: 'm', version: '1' };
    const terms = { iat, nbf: iat, exp: iat + 1e8, offlineGraceSeconds: 0 };
    const digests = { manifestDigest: DIGEST, sha256: DIGEST };
    const token = await signLicence({ ...named, ...terms, ...digests }, delegate);
    return outcomeOf(verifyLicence(nodeCrypto, token, await after.publicKeys('licence')));
  }),
  leaked('manifest', 'signer-untrusted', PINS, async (lab, { before, after }) => {
    const { signManifest, verifyManifest } = await lab.load<typeof manifests>(
      'functions/protocol/manifest.ts',
    );
    const { nodeCrypto } = await lab.load<typeof crypto>('functions/protocol/node-crypto.ts');
    const claims = {
      ...{ model: 'm', version: '1', format: 'opaque', sizeBytes: 9, sha256: DIGEST, layers: [] },
      publishedAt: NOW.getTime() / 1000,
      policy: { licenceSeconds: 86_400, offlineGraceSeconds: 0 },
    };
    const sign = (message: Uint8Array) => before.sign('manifest.1', message);
    const token = await signManifest(claims, 'manifest.1', sign);
    return outcomeOf(verifyManifest(nodeCrypto, token, await after.publicKeys('manifest')));
  }),
  leaked(
    'device',
    'no device',
    'seals of devices count by the versions that the deployment names',
    async (lab, { before, after }) => {
      const { createDeviceSeals } = await lab.load<typeof seals>(
        'functions/identity/device-seal.ts',
      );
      const api = await lab.api();
      const { enrolment } = await withPixel(api, 'mallory');
      const stored = readDevice(
        (await api.clients.documents.get(`devices/${enrolment.deviceId}`)) ?? {},
      );
      const options = { isNameOf: () => true, log: () => undefined };
      // Better than it was attested.
      const made = { ...stored, assurance: 'strong' } as const;
      const seal = await createDeviceSeals({ keys: before, ...options }).seal(made);
      const isSealed = await createDeviceSeals({ keys: after, ...options }).verifier();
      return (await isSealed(enrolment.deviceId, { ...made, seal })) ? SUCCEEDED : 'no device';
    },
  ),
  renamedAttack(
    {
      name: 'rotation/way-out-of-block',
      tries: 'a blocked user who waits for his pseudonym to change',
      refused: '403 blocked',
    },
    'blocklist',
    (api) =>
      api.clients.documents.set(`blocklist/user_${api.userId('mallory')}`, {
        until: new Date(Date.now() + HOUR_MS),
      }),
  ),
  renamedAttack(
    {
      name: 'rotation/way-out-of-quota',
      tries: 'a quota that is used up, counted anew under another pseudonym',
      refused: '429 quota_exceeded',
    },
    'limits',
    async (_, mallory) => postGrant(mallory, await grantData(mallory)),
  ),
  {
    name: 'rotation/between-two-names',
    tries: 'a grant in the moment in which a block lies under the next name already',
    refused: '503 unavailable',
    defence: 'whose name is being moved waits, as the deciding transaction sees, too',
    off: {
      edits: [
        edit('functions/fraud/pseudonym-moves.ts', "if (own?.state === 'moving') throw retry();"),
        edit('functions/identity/device-call.ts', 'refuseIfMoved(own.move);'),
      ],
    },
    async run(lab) {
      const api = await twoSecrets(lab);
      const mallory = await withPixel(api, 'mallory');
      const data = await grantData(mallory);
      const [name, { documents }] = [api.userId('mallory'), api.clients];
      const next = api.services.pseudonyms.newest(name);
      await documents.set('pseudonyms/p1', { to: 'p2', state: 'moving', expireAt: null });
      const until = new Date(Date.now() + HOUR_MS);
      await documents.set(`blocklist/user_${next}`, { until });
      const moving = { to: next, state: 'moving', expireAt: until };
      await documents.set(`pseudonyms/${name}`, moving);
      return outcomeOf(postGrant(mallory, data));
    },
  },
];
