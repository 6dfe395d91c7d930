/** What somebody makes of the records that grants rest on who may write the database and sign nothing. */
import { type Attack, edit, outcomeOf } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { personal } from './models.ts';
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

const DEVICE_SEAL = 'functions/identity/device-seal.ts';
const OWNER_SEAL = 'functions/catalogue/owner-seal.ts';
const UNCHECKED = edit(
  'functions/identity/device-call.ts',
  'if (await isSealed(deviceId, device)) return;',
  'if (true) return;',
);
const SEALED = 'a device’s record is sealed by a key that only `enroll` signs with';
const OWNED = 'a model’s owner is sealed by the publisher’s key';

type Fields = Readonly<Record<string, unknown>>;

async function write(api: Api, path: string, change: (before: Fields) => Fields): Promise<void> {
  const before = (await api.clients.documents.get(path)) ?? {};
  await api.clients.documents.set(path, { ...before, ...change(before) } as never);
}

const pathOf = ({ enrolment }: Caller) => `devices/${enrolment.deviceId}`;

/** Alice with a phone and a model of her own, and a thief with her token and a genuine phone of his. */
async function robbed(lab: Lab) {
  const api = await lab.api();
  await personal(api);
  const alice = await withPixel(api, 'alice');
  return { api, alice, mallory: await withIphone(api, 'mallory') };
}

const askFor = async (from: Caller, modelId = 'smile') =>
  outcomeOf(postGrant(from, await grantData(from, { modelId }), modelId));

const device = (
  name: string,
  tries: string,
  off: Attack['off'],
  run: (case_: Awaited<ReturnType<typeof robbed>>) => Promise<string>,
): Attack => ({
  name: `record/${name}`,
  tries,
  refused: '403 device_unknown',
  defence: SEALED,
  off,
  run: async (lab) => run(await robbed(lab)),
});

const owner = (
  name: string,
  tries: string,
  run: (case_: Awaited<ReturnType<typeof robbed>>) => Promise<string>,
): Attack => ({
  name: `record/${name}`,
  tries,
  refused: '503 unavailable',
  defence: OWNED,
  off: {
    edits: [edit(OWNER_SEAL, 'if (data && (await isOwnerSealed(readModel(data))))', 'if (true)')],
  },
  run: async (lab) => run(await robbed(lab)),
});

export const sealedRecords: readonly Attack[] = [
  device(
    'device-given-away',
    'the thief’s phone, written into the database as alice’s',
    { edits: [edit(DEVICE_SEAL, 'isNameOf(sealed.user, device.user);', 'true;')] },
    async ({ api, mallory }) => {
      await write(api, pathOf(mallory), () => ({ user: api.userId('alice') }));
      return askFor({ ...mallory, user: 'alice' }, 'alices-face');
    },
  ),
  device(
    'approved-by-writing',
    'a provisional phone that is written to have been approved',
    { edits: [edit(DEVICE_SEAL, 'sealed.record === digestOf(device) &&', '')] },
    async ({ api }) => {
      const thief = await withIphone(api, 'alice');
      await write(api, pathOf(thief), () => ({ approvedFrom: null }));
      return askFor(thief, 'alices-face');
    },
  ),
  device(
    'device-made-younger',
    'an old attestation that is written to be of today',
    { edits: [edit(DEVICE_SEAL, 'sealed.record === digestOf(device) &&', '')] },
    async ({ api, mallory }) => {
      await write(api, pathOf(mallory), () => ({ enrolledAt: new Date() }));
      return askFor(mallory);
    },
  ),
  device(
    'key-exchanged',
    'a key that nobody attested, in the place of alice’s',
    {
      edits: [
        edit(DEVICE_SEAL, 'deviceIdOf(device.publicKey) === deviceId &&', ''),
        edit(DEVICE_SEAL, 'sealed.record === digestOf(device) &&', ''),
      ],
    },
    async ({ api, alice }) => {
      const mallory = await withPixel(api, 'mallory');
      const { publicKey } = (await api.clients.documents.get(pathOf(mallory))) as Fields;
      await write(api, pathOf(alice), () => ({ publicKey }));
      const { keyHandle } = mallory.enrolment;
      const { platform } = mallory;
      return askFor({ ...alice, platform, enrolment: { ...alice.enrolment, keyHandle } });
    },
  ),
  device(
    'seal-borrowed',
    'a changed record under the seal of another device',
    { edits: [UNCHECKED] },
    async ({ api, alice, mallory }) => {
      const { seal } = (await api.clients.documents.get(pathOf(alice))) as Fields;
      await write(api, pathOf(mallory), () => ({ seal, assurance: 'basic' }));
      return askFor(mallory);
    },
  ),
  device(
    'seal-removed',
    'a record without any seal, as before there were seals',
    { edits: [UNCHECKED] },
    async ({ api, mallory }) => {
      await write(api, pathOf(mallory), () => ({ seal: '' }));
      return askFor(mallory);
    },
  ),
  device(
    'approval-launders',
    'an approval by alice’s own phone that seals a forged record',
    {
      edits: [
        edit(
          'functions/identity/approve-device.ts',
          'await requireSealed(device, target, isSealed);',
        ),
      ],
    },
    async ({ api, alice }) => {
      const second = await withIphone(api, 'alice');
      await write(api, pathOf(second), () => ({ assurance: 'basic' }));
      const target = second.enrolment.deviceId;
      const request = await proven(alice, await clientData(alice, 'device.approve', { target }));
      return outcomeOf(post(api, `/v1/devices/${target}/approvals`, request, { user: 'alice' }));
    },
  ),
  owner('owner-exchanged', 'alice’s model, written to be mallory’s', async ({ api, mallory }) => {
    await write(api, 'models/alices-face', () => ({ owner: api.userId('mallory') }));
    return askFor(mallory, 'alices-face');
  }),
  owner('owner-removed', 'alice’s model, written to be everybody’s', async ({ api, mallory }) => {
    await write(api, 'models/alices-face', () => ({ owner: null }));
    return askFor(mallory, 'alices-face');
  }),
  owner(
    'owner-by-another-name',
    'alice’s model in the document of a new one, under the seal of a public one',
    async ({ api, mallory }) => {
      const open = (await api.clients.documents.get('models/smile')) as Fields;
      const hers = (await api.clients.documents.get('models/alices-face')) as Fields;
      const { ownerSeal } = open;
      await write(api, 'models/gift', () => ({ ...hers, owner: null, ownerSeal }));
      return askFor(mallory, 'gift');
    },
  ),
];
