/** One document that nobody can read hides no other: not from a page, and not from who works through them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import {
  consoleEnvironment,
  type OperatorClient,
  operatorClient,
} from '../../test/support/console-access.ts';
import { uploadLeak } from '../../test/support/leak-upload.ts';
import { startTokenIssuer, type TokenIssuer } from '../../test/support/token-issuer.ts';
import { watchRollouts } from '../catalogue/watch-rollouts.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from '../time.ts';
import { block } from './restrict.ts';
import { traceLeaks } from './trace-leaks.ts';

let idp: TokenIssuer;
let api: ApiHarness;
let operator: OperatorClient;
const good = { kind: 'user', id: 'p1_AAAAAAAAAAAAAAAAAAAAAA' } as const;
const now = new Date();
const later = new Date(now.getTime() + DAY_MS);
const byRules = { createdAt: now, until: later, by: 'rules', rules: ['rasp-hook'] };

/** Each such as the query of its page finds it, and such as its reader throws for. */
const BROKEN: Readonly<Record<string, DocumentData>> = {
  'leaks/l_broken': { state: 'waiting', openedAt: now },
  'orders/o_broken': { orderedAt: now, model: 'vision' },
  'models/broken': { modelId: 'broken', owner: null, rollingOut: true },
  'audit/broken': { at: now },
  'counts/broken': { hour: now },
  'campaigns/alert': { level: 9 },
  'campaigns/baseline': { at: 7 },
  'ledger/head': { sequence: -1 },
  'risk/user_p1_broken': { score: 500 },
  'blocklist/user_p1_broken': { ...byRules, by: 7 },
  'blocklist/user_p1_blind': byRules,
  'risk/user_p1_blind': { score: 400 },
};

beforeAll(async () => {
  idp = await startTokenIssuer();
  api = await startApi(consoleEnvironment(idp));
  operator = await operatorClient(api.baseUrl, idp, 'operator');
  await api.publish('vision', Buffer.alloc(500, 'model '), { format: 'opaque' });
  const { documents } = api.clients;
  await documents.set(`blocklist/user_${good.id}`, { ...byRules, kind: 'user', id: good.id });
  for (const [path, data] of Object.entries(BROKEN)) await documents.set(path, data);
});
afterAll(async () => {
  await api.close();
  await idp.close();
});

const answerOf = async (page: string): Promise<Record<string, unknown>> => {
  const response = await operator.call('GET', `/v1/admin/${page}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
};

describe('what cannot be read', () => {
  it.each([
    ['leaks', ['leaks/l_broken']],
    ['models', ['models/broken', 'orders/o_broken']],
    [
      'cases',
      [
        'audit/broken',
        'blocklist/user_p1_broken',
        'campaigns/alert',
        'risk/user_p1_blind',
        'risk/user_p1_broken',
      ],
    ],
  ])('is named on the page %s', async (page, unreadable) => {
    expect([...((await answerOf(page))['unreadable'] as string[])].sort()).toEqual(unreadable);
  });

  it('hides no model, no case and no rule', async () => {
    expect(await answerOf('models')).toMatchObject({ models: [{ modelId: 'vision' }] });
    const { cases } = (await answerOf('cases')) as { cases: { subject: string }[] };
    const keys = [`user_${good.id}`, 'user_p1_blind'];
    expect(cases.map(({ subject }) => subject).sort()).toEqual(keys);
    expect(await answerOf('overview')).toMatchObject({ unreadable: 6, day: { isComplete: false } });
    expect(await answerOf('rules')).toMatchObject({ isComplete: false });
  });

  it('is something that is not well', async () => {
    const { checks } = (await answerOf('health')) as {
      checks: { isWell: boolean; detail: string }[];
    };
    expect(checks.filter(({ isWell }) => !isWell)).toEqual([
      expect.objectContaining({ detail: 'campaigns/alert, campaigns/baseline, ledger/head' }),
    ]);
  });

  it('hides no subject from a trial of other rules', async () => {
    const asked = { rules: [], thresholds: {} };
    const response = await operator.call('POST', '/v1/admin/rules/trials', asked);
    expect(await response.json()).toMatchObject({ looked: 0, isComplete: false });
  });

  it('is named on the page of its own subject, beside all else that is known of it', async () => {
    expect(await answerOf('subjects/user_p1_broken')).toMatchObject({
      unreadable: ['blocklist/user_p1_broken', 'risk/user_p1_broken'],
      restrictions: {},
    });
    await block(api.services, good, 1, { by: 'somebody', reason: 'seen by hand' });
    const device = { user: good.id };
    await api.clients.documents.set('grants/g_broken', device);
    expect(await answerOf(`subjects/user_${good.id}`)).toMatchObject({
      unreadable: ['grants/g_broken'],
      active: { block: { reason: 'seen by hand' } },
    });
  });

  it('is no model that phones are told of, and keeps none from them', async () => {
    const models = await api.api('ann').models();
    expect(models.map(({ modelId }) => modelId)).toEqual(['vision']);
  });

  it('keeps no rollout from being watched, and no leak from being traced', async () => {
    expect(await watchRollouts(api.services, now)).toMatchObject({ watched: 1, failed: 1 });
    const id = await uploadLeak(operator, Buffer.from('nothing of the kind'));
    expect(await traceLeaks(api.services, now)).toEqual({ traced: 0, refused: 2, failed: 0 });
    const { documents } = api.clients;
    expect(await documents.get(`leaks/${id}`)).toMatchObject({ refusal: 'not_a_model' });
    // Out of the queue: it would take a place in it for ever.
    expect(await documents.get('leaks/l_broken')).toMatchObject({ refusal: 'unreadable' });
  });
});
