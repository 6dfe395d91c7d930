import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { outcomeOf, SUCCEEDED } from '../../test/attack/attack.ts';
import {
  type Caller,
  caller,
  changeDevice,
  clientData,
  grantData,
  post,
  postGrant,
  proven,
} from '../../test/attack/requests.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import type { DocumentData } from '../cloud/documents.ts';

const HOUR_MS = 3_600_000;
const CATEGORY = 'apple_validation_category_01';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi({ GRANTS_PER_USER_MINUTE: '1000', GRANTS_PER_DEVICE_MINUTE: '1000' });
  await api.publish('smile', Buffer.alloc(500, 'model '), { format: 'opaque' });
});
afterAll(() => api.close());

interface Held {
  readonly from: Caller;
  readonly grant: { readonly grantId: string; readonly digest: string };
  readonly extensions: Map<string, number>;
}

/** Somebody with a copy on his iPhone. */
async function withCopy(user: string): Promise<Held> {
  const extensions = new Map([[CATEGORY, 4]]);
  const from = await caller(api, user, api.phone(user, { extensions }));
  const answer = await postGrant(from, await grantData(from));
  const { grantId, licence } = (await answer.json()) as { grantId: string; licence: string };
  const claims = JSON.parse(Buffer.from(licence.split('.')[1] ?? '', 'base64url').toString()) as {
    sha256: string;
  };
  return { from, grant: { grantId, digest: claims.sha256 }, extensions };
}

const CALLS = {
  grant: async ({ from }: Held) => postGrant(from, await grantData(from)),
  renewal: async ({ from, grant }: Held) => {
    const request = await proven(from, await clientData(from, 'licence.renew', { ...grant }));
    return post(api, `/v1/licences/${grant.grantId}/renewals`, request, { user: from.user });
  },
  report: async ({ from }: Held) => {
    const request = await proven(from, await clientData(from, 'events', { events: [] }));
    return post(api, '/v1/events', request, { user: from.user });
  },
};

const inAnHour = () => new Date(Date.now() + HOUR_MS);
const restrict = (key: string, restrictions: DocumentData) =>
  api.clients.documents.set(`blocklist/${key}`, restrictions);
const block = () => ({ until: inAnHour(), createdAt: new Date(), by: 'rules' });

/** Each reason for which somebody is not served, how it comes about, and what grants and renewals say. */
const CAUSES: readonly (readonly [
  cause: string,
  arrange: (held: Held) => Promise<unknown>,
  outcome: string,
])[] = [
  [
    'a blocked user',
    ({ from }) => restrict(`user_${api.userId(from.user)}`, block()),
    '403 blocked',
  ],
  [
    'a blocked device',
    ({ from }) => restrict(`device_${from.enrolment.deviceId}`, block()),
    '403 blocked',
  ],
  [
    'a newcomer in a blocked network',
    () =>
      restrict(`network_${api.services.pseudonyms.network('127.0.0.1')}`, {
        ...block(),
        createdAt: new Date(Date.now() - HOUR_MS),
      }),
    '403 blocked',
  ],
  [
    'an attestation that is too old',
    (held) => changeDevice(held.from, { enrolledAt: new Date('2024-01-01') }),
    '403 reattestation_required',
  ],
  [
    'a demand to attest anew',
    ({ from }) =>
      restrict(`user_${api.userId(from.user)}`, {
        stepUpSince: inAnHour(),
        stepUpUntil: inAnHour(),
      }),
    '403 reattestation_required',
  ],
  [
    'an app that the policy has withdrawn',
    (held) => changeDevice(held.from, { appId: 'ABCDE12345.example.withdrawn' }),
    '426 app_outdated',
  ],
  [
    'an app that was launched in another way than the policy wants',
    async ({ extensions }) => extensions.set(CATEGORY, 3),
    '403 device_not_trusted',
  ],
];

describe('grants and renewals are refused for the same reasons', () => {
  it.each(CAUSES)('%s', async (cause, arrange, outcome) => {
    const held = await withCopy(cause.replaceAll(/\W/g, '-'));
    for (const call of Object.values(CALLS)) {
      expect(await outcomeOf(call(held))).toBe(SUCCEEDED);
    }
    await arrange(held);
    try {
      expect(await outcomeOf(CALLS.grant(held))).toBe(outcome);
      expect(await outcomeOf(CALLS.renewal(held))).toBe(outcome);
      // What a phone reports is evidence, whoever it is; only its proof has to be good.
      const proves = outcome !== '426 app_outdated';
      expect(await outcomeOf(CALLS.report(held))).toBe(proves ? SUCCEEDED : '403 proof_invalid');
    } finally {
      await api.clients.documents.delete(
        `blocklist/network_${api.services.pseudonyms.network('127.0.0.1')}`,
      );
    }
  });
});
