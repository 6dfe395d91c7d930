import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import {
  addressOf,
  consoleEnvironment,
  type OperatorClient,
  operatorClient,
} from '../../test/support/console-access.ts';
import { startTokenIssuer, type TokenIssuer } from '../../test/support/token-issuer.ts';
import { readModel, releaseOf } from '../catalogue/model-record.ts';
import { rollOut } from '../catalogue/roll-out.ts';
import { auditOf } from './audit.ts';
import { carryOutOrder } from './carry-out-order.ts';
import type { modelsOf } from './models-view.ts';
import { MAX_ORDER_AGE_MS, orderPath, type ReleaseOrder } from './release-order.ts';

let idp: TokenIssuer;
let api: ApiHarness;
let publisher: OperatorClient;
beforeAll(async () => {
  idp = await startTokenIssuer();
  api = await startApi(consoleEnvironment(idp));
  publisher = await operatorClient(api.baseUrl, idp, 'publisher');
});
afterAll(async () => {
  await api.close();
  await idp.close();
});

/** A model of each test, with version 2 on its way and 3 not on offer. */
let model: string;
const publish = (version: string, hold: boolean) =>
  api.publish(model, randomBytes(2_000), { format: 'opaque', version, ...(hold && { hold }) });
beforeEach(async () => {
  model = `m${randomBytes(6).toString('hex')}`;
  await publish('1', false);
  await publish('2', true);
  await publish('3', true);
  await rollOut(api.services, { modelId: model, version: '2', share: 500 }, new Date());
});

const record = async () =>
  releaseOf(readModel((await api.clients.documents.get(`models/${model}`)) ?? {}));
const rule = async (name: string) => (await record())?.rules.find((each) => each.name === name);
const newId = () => `o_${randomBytes(16).toString('base64url')}`;

async function order(change: Readonly<Record<string, unknown>> = {}) {
  const serial = (await record())?.serial;
  const body = { orderId: newId(), act: 'pause', version: '2', serial, reason: 'wrong labels' };
  const path = `/v1/admin/models/${model}/orders`;
  const response = await publisher.call('POST', path, { ...body, ...change });
  await api.delivered();
  return response;
}

type View = Awaited<ReturnType<typeof modelsOf>>['models'][number];
async function shown(): Promise<View | undefined> {
  const response = await publisher.call('GET', '/v1/admin/models');
  const { models } = (await response.json()) as { readonly models: readonly View[] };
  return models.find(({ modelId }) => modelId === model);
}

describe('an order of a publisher', () => {
  it('is signed as a new record, is in the audit log, and is shown as done', async () => {
    const before = (await record())?.serial ?? 0;
    expect((await order()).status).toBe(200);
    expect(await record()).toMatchObject({ serial: before + 1 });
    expect((await rule('2'))?.paused).toBeGreaterThan(0);
    expect(await auditOf(api.services, `model_${model}`)).toMatchObject([
      { action: 'release-pause', by: addressOf('publisher'), reason: 'wrong labels' },
    ]);
    expect(await shown()).toMatchObject({
      release: { rollouts: [{ name: '2', share: 500, health: null }], forAll: '1' },
      orders: [{ act: 'pause', version: '2', state: 'done', refusal: null }],
      versions: [{ version: '3', sealedShare: 1 }, {}, {}],
    });
  });

  it('goes on, takes away, and goes back', async () => {
    await order();
    await order({ act: 'resume' });
    expect((await rule('2'))?.paused).toBeUndefined();
    await order({ act: 'halt' });
    expect((await rule('2'))?.halted).toBeGreaterThan(0);
    await order({ act: 'rollBack', version: null });
    expect((await record())?.rules).toMatchObject([{ name: '1' }]);
    expect((await shown())?.orders.map(({ act, state }) => `${act} ${state}`)).toEqual([
      'rollBack done',
      'halt done',
      'resume done',
      'pause done',
    ]);
  });

  it('gives an older version to all, and none that is newer than what is on offer', async () => {
    await rollOut(api.services, { modelId: model, version: '2' }, new Date());
    await order({ act: 'rollBack', version: '3' });
    expect((await shown())?.orders).toMatchObject([{ state: 'refused', refusal: 'not_older' }]);
    await order({ act: 'rollBack', version: '1' });
    expect((await record())?.rules).toMatchObject([{ name: '1' }]);
  });

  it('that is sent again is one order, and another one of its name is none', async () => {
    const serial = (await record())?.serial;
    const orderId = newId();
    await order({ orderId });
    expect(await (await order({ orderId, serial })).json()).toMatchObject({ state: 'done' });
    expect((await auditOf(api.services, `model_${model}`)).length).toBe(1);
    expect(await (await order({ orderId, serial, act: 'halt' })).json()).toMatchObject({
      code: 'request_invalid',
    });
    expect((await rule('2'))?.halted).toBeUndefined();
  });

  it.each([
    ['of a record that has changed since', { serial: 1 }, 'release_moved'],
    ['of a rollout that is none', { version: '3' }, 'no_rollout'],
    ['of a version that is none', { act: 'rollBack', version: '9' }, 'model_unknown'],
  ])('%s is refused, and told why', async (_, change, refusal) => {
    const before = await record();
    expect((await order(change)).status).toBe(200);
    expect(await record()).toEqual(before);
    expect((await shown())?.orders).toMatchObject([{ state: 'refused', refusal }]);
    expect(await auditOf(api.services, `model_${model}`)).toEqual([]);
  });

  it.each([
    ['who gave it', { by: addressOf('operator') }],
    ['when', { orderedAt: new Date().toISOString() }],
    ['an act that there is not', { act: 'publish' }],
    ['a rollout without its name', { version: null }],
    ['a name that is none of ours', { orderId: '../models/smile' }],
  ])('does not say itself: %s', async (_, change) => {
    expect(await (await order(change)).json()).toMatchObject({ code: 'request_invalid' });
  });
});

describe('who signs', () => {
  const now = new Date();
  const message = async (change: Partial<ReleaseOrder> = {}): Promise<ReleaseOrder> => ({
    ...{ schema: 1, orderId: newId(), act: 'pause', model, version: '2' },
    ...{ serial: (await record())?.serial ?? 0, reason: 'wrong labels' },
    ...{ by: addressOf('publisher'), signedInAt: now.toISOString(), orderedAt: now.toISOString() },
    ...change,
  });
  const waits = ({ schema: _, signedInAt: __, ...order }: ReleaseOrder) =>
    api.clients.documents.set(orderPath(order.orderId), {
      ...{ ...order, orderedAt: new Date(order.orderedAt), state: 'waiting' },
      ...{ refusal: null, answeredAt: null, expireAt: now },
    });
  const ago = (ms: number) => new Date(now.getTime() - ms).toISOString();

  it.each<readonly [string, Partial<ReleaseOrder>, string]>([
    ['of a viewer', { by: addressOf('viewer') }, 'role_missing'],
    ['of an operator', { by: addressOf('operator') }, 'role_missing'],
    ['of nobody', { by: 'nobody@example.org' }, 'role_missing'],
    ['that is old', { orderedAt: ago(MAX_ORDER_AGE_MS + 1) }, 'too_old'],
    ['of tomorrow', { orderedAt: ago(-86_400_000) }, 'too_old'],
    ['after a sign-in of long ago', { signedInAt: ago(301_000) }, 'sign_in_again'],
    ['before its sign-in', { signedInAt: ago(-1_000) }, 'sign_in_again'],
    ['of another record', { serial: 1 }, 'release_moved'],
  ])('refuses an order %s', async (_, change, refusal) => {
    const given = await message(change);
    await waits(given);
    const before = await record();
    const outcome = await carryOutOrder(api.services, given, now);
    expect(outcome).toMatchObject({ state: 'refused', refusal });
    expect(await record()).toEqual(before);
    expect(await api.clients.documents.get(orderPath(given.orderId))).toMatchObject({
      ...{ state: 'refused', refusal },
    });
  });

  it('carries out by a message alone, and no message twice', async () => {
    const given = await message();
    expect(await carryOutOrder(api.services, given, now)).toMatchObject({
      ...{ state: 'refused', refusal: 'order_unknown' },
    });
    await waits(given);
    const { serial } = given;
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => carryOutOrder(api.services, given, now)),
    );
    expect(outcomes.map(({ state }) => state).sort()).toEqual(['done', 'repeated', 'repeated']);
    expect(await record()).toMatchObject({ serial: serial + 1 });
    // Whoever may write to the database makes it wait again, and changes nothing by it.
    await waits(given);
    expect(await carryOutOrder(api.services, given, now)).toMatchObject({
      ...{ state: 'refused', refusal: 'release_moved' },
    });
  });

  it('goes by what is ordered, whatever its document says', async () => {
    const given = await message();
    await waits({ ...given, act: 'rollBack', version: null });
    await carryOutOrder(api.services, given, now);
    expect((await record())?.rules).toMatchObject([{ name: '2' }, { name: '1' }]);
    expect((await rule('2'))?.paused).toBeDefined();
  });

  it('leaves what is no order', async () => {
    for (const other of [undefined, 'pause', {}, { ...(await message()), extra: 1 }]) {
      expect(await carryOutOrder(api.services, other, now)).toMatchObject({
        ...{ state: 'refused', refusal: 'not_an_order' },
      });
    }
  });

  it('lets a message come again while the vault does not answer', async () => {
    const given = await message();
    await waits(given);
    const objects = {
      ...api.services.objects,
      read: () => {
        throw new Error('the vault does not answer');
      },
    };
    const broken = { ...api.services, objects };
    await expect(carryOutOrder(broken, given, now)).rejects.toThrow('the vault does not answer');
    expect(await carryOutOrder(api.services, given, now)).toMatchObject({ state: 'done' });
  });
});
