/** Models that somebody must not get: those of other people, and revoked ones. */
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import {
  type Caller,
  changeDevice,
  clientData,
  grantData,
  post,
  postGrant,
  proven,
  withPixel,
} from './requests.ts';

const RECORD = 'functions/catalogue/model-record.ts';
const RENEWAL = 'functions/grants/renew.ts';
const OPEN_TO_ALL = edit(
  RECORD,
  "if (model.owner !== null && model.owner !== userId) throw unknown('model_of_another_user');",
);
const NEVER_REVOKED = edit(
  RECORD,
  'if (found.revoked || isWithdrawn(record, { version: name, publishedAt: secondsOf(found) })) {',
  'if (false) {',
);
const ANYBODYS_GRANT = edit(
  RENEWAL,
  "if (!own) throw new ServiceError('grant_unknown', { reason: 'grant_not_of_device' });",
);

/** A model of alice's own. */
export const personal = (api: Api) =>
  api.publish('alices-face', Buffer.from('a model of one face'), {
    format: 'opaque',
    owner: api.userId('alice'),
  });

async function revoke(lab: Lab, api: Api): Promise<void> {
  type Revoke = typeof import('../../functions/catalogue/revoke-model.ts');
  const { revokeModel } = await lab.load<Revoke>('functions/catalogue/revoke-model.ts');
  await revokeModel(api.services, 'smile', '1.0.0', new Date());
}

/** A grant as it was answered, with the digest that its licence holds. */
async function granted(from: Caller) {
  const response = await postGrant(from, await grantData(from));
  const { grantId, licence } = (await response.json()) as { grantId: string; licence: string };
  const claims = JSON.parse(Buffer.from(licence.split('.')[1] ?? '', 'base64url').toString());
  return { grantId, digest: (claims as { sha256: string }).sha256 };
}

async function renew(from: Caller, grant: { grantId: string; digest: string }): Promise<string> {
  const request = await proven(from, await clientData(from, 'licence.renew', { ...grant }));
  const path = `/v1/licences/${grant.grantId}/renewals`;
  return outcomeOf(post(from.api, path, request, { user: from.user }));
}

const MODELS_ONLY_ONCE = (obstacle: string) =>
  edit('functions/identity/admission-policy.ts', `${obstacle}: MODELS,`, `${obstacle}: ['grant'],`);

/** Somebody who has a copy and then is what no grant is made to asks for its renewal. */
const renewedInstead = (
  name: string,
  tries: string,
  refused: string,
  obstacle: string,
  becomes: (caller: Caller, api: Api) => Promise<unknown>,
): Attack => ({
  name: `model/renew-${name}`,
  tries: `a renewal ${tries}`,
  refused,
  defence: 'renewals are refused for the same reasons as grants: one table',
  off: { edits: [MODELS_ONLY_ONCE(obstacle)] },
  async run(lab) {
    const api = await lab.api();
    const mallory = await withPixel(api, 'mallory');
    const grant = await granted(mallory);
    await becomes(mallory, api);
    return renew(mallory, grant);
  },
});

export const models: readonly Attack[] = [
  renewedInstead(
    'old-attestation',
    'by a device whose attestation is too old for a grant',
    '403 reattestation_required',
    'attestationOld',
    (mallory) => changeDevice(mallory, { enrolledAt: new Date('2024-01-01') }),
  ),
  renewedInstead(
    'withdrawn-app',
    'by an app that the policy has withdrawn',
    '426 app_outdated',
    'appWithdrawn',
    (mallory) => changeDevice(mallory, { appId: 'example.withdrawn' }),
  ),
  renewedInstead(
    'blocked-network',
    'by a newcomer in a network that scoring has closed',
    '403 blocked',
    'networkBlocked',
    (_, api) =>
      api.clients.documents.set(
        `blocklist/network_${api.services.pseudonyms.network('127.0.0.1')}`,
        { until: new Date(Date.now() + 60_000), createdAt: new Date(0), by: 'rules' },
      ),
  ),
  {
    name: 'model/personal-guess',
    tries: 'somebody else’s personal model by its name',
    refused: '404 model_unknown',
    defence: 'a personal model exists for its owner only',
    off: { edits: [OPEN_TO_ALL] },
    async run(lab) {
      const api = await lab.api();
      await personal(api);
      const mallory = await withPixel(api, 'mallory');
      const data = await grantData(mallory, { modelId: 'alices-face' });
      return outcomeOf(postGrant(mallory, data, 'alices-face'));
    },
  },
  {
    name: 'model/personal-listing',
    tries: 'the list of models, for those of others',
    refused: 'not listed',
    defence: 'the list is asked for by owner',
    off: { edits: [edit('functions/api/models.ts', "where: [['owner', '==', owner]],")] },
    async run(lab) {
      const api = await lab.api();
      await personal(api);
      const listed = await api.api('mallory').models();
      return listed.some(({ modelId }) => modelId === 'alices-face') ? SUCCEEDED : 'not listed';
    },
  },
  {
    name: 'model/revoked-version',
    tries: 'a revoked version by its name',
    refused: '404 model_unknown',
    defence: 'a revoked version is given to nobody',
    off: { edits: [NEVER_REVOKED] },
    async run(lab) {
      const api = await lab.api();
      await revoke(lab, api);
      const mallory = await withPixel(api, 'mallory');
      return outcomeOf(postGrant(mallory, await grantData(mallory, { version: '1.0.0' })));
    },
  },
  {
    name: 'model/renew-others',
    tries: 'a renewal of another user’s licence',
    refused: '404 grant_unknown',
    defence: 'a grant is renewed for the user and device that got it',
    off: { edits: [ANYBODYS_GRANT] },
    async run(lab) {
      const api = await lab.api();
      const grant = await granted(await withPixel(api, 'alice'));
      return renew(await withPixel(api, 'mallory'), grant);
    },
  },
  {
    name: 'model/renew-on-second-device',
    tries: 'a renewal for a copy that was carried to one’s second phone',
    refused: '404 grant_unknown',
    defence: 'a grant is renewed for the user and device that got it',
    off: { edits: [ANYBODYS_GRANT] },
    async run(lab) {
      const api = await lab.api();
      const grant = await granted(await withPixel(api, 'mallory'));
      return renew(await withPixel(api, 'mallory'), grant);
    },
  },
  {
    name: 'model/renew-revoked',
    tries: 'a renewal of a revoked model',
    refused: '404 model_unknown',
    defence: 'renewals look at the catalogue, too',
    off: { edits: [NEVER_REVOKED] },
    async run(lab) {
      const api = await lab.api();
      const mallory = await withPixel(api, 'mallory');
      const grant = await granted(mallory);
      await revoke(lab, api);
      return renew(mallory, grant);
    },
  },
  {
    name: 'model/renew-other-copy',
    tries: 'a renewal that names another copy’s digest',
    refused: '404 grant_unknown',
    defence: 'the digest has to be the grant’s',
    off: { edits: [edit(RENEWAL, 'if (grant.sha256 !== digest)', 'if (false)')] },
    async run(lab) {
      const mallory = await withPixel(await lab.api(), 'mallory');
      return renew(mallory, { ...(await granted(mallory)), digest: 'A'.repeat(43) });
    },
  },
];
