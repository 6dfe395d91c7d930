/** What a stolen token and a genuine phone of one's own are good for: an account that has devices already. */
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import { appAttestation, enrol, enrolData } from './enrolment-requests.ts';
import type { Api, Lab } from './lab.ts';
import {
  type Caller,
  clientData,
  grantData,
  postGrant,
  proven,
  withIphone,
  withPixel,
} from './requests.ts';

const APPROVAL = 'functions/identity/approval.ts';
const AT_ONCE = edit(APPROVAL, 'if (isApproved(device, now)) return;', 'if (true) return;');
/** A further device counts as the first one does. */
const COUNTS = edit(
  'functions/identity/user-devices.ts',
  'isFirst || coolingOffSeconds === 0 ?',
  'isFirst || true ?',
);

interface Robbed {
  readonly api: Api;
  readonly victim: Caller;
  readonly thief: Caller;
}

async function robbed(lab: Lab): Promise<Robbed> {
  const api = await lab.api();
  const owner = api.userId('alice');
  await api.publish('alices-face', Buffer.alloc(200, 'face'), { format: 'opaque', owner });
  const victim = await withPixel(api, 'alice');
  return { api, victim, thief: await withIphone(api, 'alice') };
}

async function send(from: Caller, method: string, path: string, type: string, members: object) {
  const data = await clientData(from, type as 'events', { ...members });
  return fetch(new URL(path, from.api.baseUrl), {
    method,
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${await from.api.idp.token(from.user)}`,
    },
    body: JSON.stringify(await proven(from, data)),
  });
}

const unapproved = (attack: Pick<Attack, 'name' | 'tries' | 'run'>): Attack => ({
  refused: '403 device_unapproved',
  defence: 'a further device waits, or is approved by one that counts',
  off: { edits: [AT_ONCE] },
  ...attack,
});

export const takeover: readonly Attack[] = [
  unapproved({
    name: 'takeover/personal-model',
    tries: 'the personal model of who lost a token, on the thief’s own phone',
    async run(lab) {
      const { thief } = await robbed(lab);
      const data = await grantData(thief, { modelId: 'alices-face' });
      return outcomeOf(postGrant(thief, data, 'alices-face'));
    },
  }),
  unapproved({
    name: 'takeover/erase-account',
    tries: 'the erasure of the account by the thief’s phone',
    run: async (lab) =>
      outcomeOf(send((await robbed(lab)).thief, 'DELETE', '/v1/me', 'user.erase', {})),
  }),
  unapproved({
    name: 'takeover/retire-victim',
    tries: 'the retirement of the owner’s phone by the thief’s',
    async run(lab) {
      const { victim, thief } = await robbed(lab);
      const target = victim.enrolment.deviceId;
      return outcomeOf(send(thief, 'DELETE', `/v1/devices/${target}`, 'device.retire', { target }));
    },
  }),
  unapproved({
    name: 'takeover/approve-itself',
    tries: 'the approval of the thief’s phone by itself',
    async run(lab) {
      const { thief } = await robbed(lab);
      const target = thief.enrolment.deviceId;
      const path = `/v1/devices/${target}/approvals`;
      return outcomeOf(send(thief, 'POST', path, 'device.approve', { target }));
    },
  }),
  {
    name: 'takeover/evict',
    tries: 'so many enrolments that the owner’s phone makes room',
    refused: 'the owner’s phone stays',
    defence: 'provisional devices crowd out each other, and nobody else',
    off: { edits: [COUNTS] },
    async run(lab) {
      const api = await lab.api({ environment: { MAX_DEVICES_PER_USER: '2' } });
      const { enrolment } = await withPixel(api, 'alice');
      for (let n = 0; n < 3; n++) await withPixel(api, 'alice');
      const device = await api.clients.documents.get(`devices/${enrolment.deviceId}`);
      return device?.['retiredAt'] ? SUCCEEDED : 'the owner’s phone stays';
    },
  },
  {
    name: 'takeover/replace',
    tries: 'an enrolment that says it replaces the owner’s phone',
    refused: 'the owner’s phone stays',
    defence: 'what a provisional device replaces goes once it counts',
    off: { edits: [COUNTS] },
    async run(lab) {
      const api = await lab.api();
      const { enrolment } = await withPixel(api, 'alice');
      const { platform } = api.phone('alice');
      const bytes = await enrolData(api, 'alice', platform, { replaces: enrolment.deviceId });
      await enrol(api, bytes, await appAttestation(platform, bytes), 'alice');
      const device = await api.clients.documents.get(`devices/${enrolment.deviceId}`);
      return device?.['retiredAt'] ? SUCCEEDED : 'the owner’s phone stays';
    },
  },
];
