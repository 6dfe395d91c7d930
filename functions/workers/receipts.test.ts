import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { localPolicy } from '../../test/doubles/vendors.ts';
import { listenOnLoopback } from '../../test/stack/ports.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { TEST_IOS_APP } from '../../test/support/environment.ts';
import { issueReceipt } from '../../test/virtual-phones/apple-receipt.ts';
import {
  basicConstraintsExtension,
  issueCertificate,
} from '../../test/virtual-phones/issue-certificate.ts';
import { readDevice } from '../identity/devices.ts';
import { DAY_MS } from '../time.ts';

const APP_ID = `${TEST_IOS_APP.teamId}.${TEST_IOS_APP.bundleId}`;
const developerKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const KEY = {
  teamId: TEST_IOS_APP.teamId,
  keyId: 'KEY1234567',
  privateKeyPem: developerKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};

const [IOS_APP, ...OTHER_APPS] = localPolicy(TEST_IOS_APP).apps;
const environments = ['production', 'development'];
const POLICY = { apps: [{ ...IOS_APP, rules: [{ environments }] }, ...OTHER_APPS] };

type Answer = (response: ServerResponse, receipt: string) => void;
let apple: Awaited<ReturnType<typeof startApple>>;
let api: ApiHarness;
let now: Date;
beforeEach(async () => {
  now = new Date();
  apple = await startApple();
  api = await startApi(
    {
      APPLE_RECEIPT_URL: apple.url,
      APPLE_RECEIPT_KEY: JSON.stringify(KEY),
      ATTESTATION_POLICY: JSON.stringify(POLICY),
    },
    (services) => ({ ...services, now: () => now }),
  );
});
afterEach(async () => {
  await api.close();
  await apple.stop();
});

/** A server in Apple's place; it answers as `answers` says for the receipt that was sent, else with 404. */
async function startApple() {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const receipt = (await Array.fromAsync(request)).join('');
    asked.push(receipt);
    const fallback: Answer = (to) => void to.writeHead(404).end();
    (answers.get(receipt) ?? fallback)(response, receipt);
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    answers,
    asked,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const run = async () => {
  const response = await fetch(`${api.baseUrl}/internal/receipts`, { method: 'POST' });
  return response.status === 200 ? await response.json() : response.status;
};
const status =
  (code: number): Answer =>
  (response) =>
    void response.writeHead(code).end();

const recordOf = async (deviceId: string) =>
  readDevice((await api.clients.documents.get(`devices/${deviceId}`)) ?? {});

/** What Apple would issue for a key. */
const receiptFor = (publicKey: Uint8Array, riskMetric: number, notBefore?: Date, createdAt = now) =>
  issueReceipt({
    hierarchy: api.roots.appleReceipt,
    appId: APP_ID,
    attestedCertificate: certificateOf(publicKey),
    type: 'RECEIPT',
    createdAt,
    riskMetric,
    ...(notBefore && { notBefore }),
  });

async function enrolled(user: string) {
  const { deviceId } = await api.phone(user).enrol();
  const device = await recordOf(deviceId);
  const sent = Buffer.from(device.receipt ?? []).toString('base64');
  return {
    deviceId,
    device,
    record: () => recordOf(deviceId),
    answers: (answer: Answer) => apple.answers.set(sent, answer),
    receipt: (riskMetric: number, notBefore?: Date, createdAt?: Date) =>
      receiptFor(device.publicKey, riskMetric, notBefore, createdAt),
  };
}

const given =
  (receipt: Uint8Array): Answer =>
  (response) =>
    void response.end(Buffer.from(receipt).toString('base64'));

const inDays = (days: number) => new Date(now.getTime() + days * DAY_MS);
const risks = async () => {
  await api.clients.publisher.idle();
  return api.events.filter(({ type }) => type === 'device.risk');
};

describe('receipts', () => {
  it('keeps the fresh receipt and tells scoring its metric', async () => {
    const [calm, busy] = [await enrolled('anna'), await enrolled('bert')];
    const receipts = { calm: calm.receipt(1), busy: busy.receipt(11, inDays(3)) };
    calm.answers(given(receipts.calm));
    busy.answers(given(receipts.busy));

    expect(await run()).toEqual({ refreshed: 2, kept: 0, failed: 0, outage: false });
    expect(await calm.record()).toEqual({
      ...calm.device,
      receipt: new Uint8Array(receipts.calm),
      receiptDueAt: inDays(1),
      riskMetric: 1,
    });
    expect(await busy.record()).toMatchObject({
      receiptDueAt: inDays(3),
      riskMetric: 11,
    });

    // What a worker learns breaks no seal: the phone goes on getting models.
    const isSealed = await api.services.deviceSeals.verifier();
    for (const { deviceId, record } of [calm, busy]) {
      expect(await isSealed(deviceId, await record())).toBe(true);
    }

    const of = (deviceId: string, user: string, riskMetric: number, cause: string | null) =>
      expect.objectContaining({
        ...{ source: 'server', authenticated: 'device', platform: 'ios', outcome: 'ok' },
        ...{ device: deviceId, user: api.userId(user), cause, attributes: { riskMetric } },
      });
    const seen = await risks();
    expect(seen).toHaveLength(2);
    expect(seen).toContainEqual(of(calm.deviceId, 'anna', 1, null));
    expect(seen).toContainEqual(of(busy.deviceId, 'bert', 11, 'risk-metric-high'));

    expect(await run()).toMatchObject({ refreshed: 0, kept: 0 });
    expect(apple.asked).toHaveLength(2);
  });

  it('puts points on a device with a high metric, and blocks it not by that alone', async () => {
    const { deviceId } = await api.phone('anna').enrol();
    for (let day = 0; day < 5; day++) {
      const { publicKey, receipt } = await recordOf(deviceId);
      const sent = Buffer.from(receipt ?? []).toString('base64');
      apple.answers.set(sent, given(receiptFor(publicKey, 50)));
      expect(await run()).toMatchObject({ refreshed: 1 });
      await api.clients.publisher.idle();
      now = inDays(1);
    }
    expect(await risks()).toHaveLength(5);
    expect(await api.clients.documents.get(`risk/device_${deviceId}`)).toBeDefined();
    expect(await api.clients.documents.get(`blocklist/device_${deviceId}`)).toBeUndefined();
  });

  it('asks for nothing before the time that the receipt names, nor after its end', async () => {
    const [early, late] = [await enrolled('anna'), await enrolled('bert')];
    const set = async (phone: typeof early, receipt: Uint8Array) => {
      const path = `devices/${phone.deviceId}`;
      const text = Buffer.from(receipt).toString('base64url');
      await api.clients.documents.transaction(async (tx) => tx.update(path, { receipt: text }));
    };
    await set(early, early.receipt(1, inDays(2)));
    await set(late, late.receipt(1, undefined, inDays(-91)));
    expect(await run()).toMatchObject({ kept: 2, failed: 0 });
    expect((await early.record()).receiptDueAt).toEqual(inDays(2));
    expect((await late.record()).receiptDueAt).toBeNull();
    expect(apple.asked).toEqual([]);
  });

  it('keeps the last receipt where Apple has no newer or has dropped the data', async () => {
    const [same, dropped] = [await enrolled('anna'), await enrolled('bert')];
    same.answers(status(304));
    dropped.answers(status(404));
    expect(await run()).toEqual({ refreshed: 0, kept: 2, failed: 0, outage: false });
    expect(await same.record()).toEqual({ ...same.device, receiptDueAt: inDays(1) });
    expect(await dropped.record()).toEqual({ ...dropped.device, receiptDueAt: inDays(7) });
    expect(await risks()).toEqual([]);
  });

  it('goes on where one device fails, and keeps what that device had', async () => {
    const [foreign, refused, fine] = [
      await enrolled('anna'),
      await enrolled('bert'),
      await enrolled('carl'),
    ];
    foreign.answers(given(fine.receipt(99)));
    refused.answers(status(400));
    fine.answers(given(fine.receipt(1)));
    expect(await run()).toEqual({ refreshed: 1, kept: 0, failed: 2, outage: false });
    for (const { record, device } of [foreign, refused]) {
      expect(await record()).toEqual({ ...device, receiptDueAt: inDays(1) });
    }
    expect((await risks()).map(({ device }) => device)).toEqual([fine.deviceId]);
  });

  it.each([503, 429, 401])(
    'ends at status %d, and the next run begins with others',
    async (code) => {
      const broken = await enrolled('anna');
      broken.answers(status(code));
      expect(await run()).toEqual({ refreshed: 0, kept: 0, failed: 0, outage: true });
      expect(api.logs.some((line) => line.includes('receipts put off'))).toBe(true);
      const after = await broken.record();
      expect(after).toEqual({
        ...broken.device,
        receiptDueAt: new Date(now.getTime() + 3_600_000),
      });
    },
  );

  it('asks a service that is out for few devices only', async () => {
    const phones = await Promise.all(Array.from({ length: 40 }, (_, i) => enrolled(`user-${i}`)));
    for (const phone of phones) phone.answers(status(503));
    expect(await run()).toMatchObject({ outage: true, failed: 0 });
    expect(apple.asked.length).toBeLessThan(40);
  });

  it('leaves out Android, development builds and retired devices', async () => {
    await api.pixel('anna').enrol();
    await api.phone('anna', { environment: 'development' }).enrol();
    const retired = await enrolled('bert');
    const path = `devices/${retired.deviceId}`;
    await api.clients.documents.transaction(async (tx) => tx.update(path, { retiredAt: now }));
    expect(await run()).toEqual({ refreshed: 0, kept: 1, failed: 0, outage: false });
    expect((await retired.record()).receiptDueAt).toBeNull();
    expect(apple.asked).toEqual([]);
  });
});

it('does nothing without a key for Apple’s service, and says so', async () => {
  const other = await startApi({ APPLE_RECEIPT_URL: apple.url });
  try {
    await other.phone('anna').enrol();
    const response = await fetch(`${other.baseUrl}/internal/receipts`, { method: 'POST' });
    expect(response.status).toBe(204);
    expect(other.logs.some((line) => line.includes('APPLE_RECEIPT_KEY is not set'))).toBe(true);
    expect(apple.asked).toEqual([]);
  } finally {
    await other.close();
  }
});

/** A receipt names its key by a certificate for it. */
function certificateOf(publicKey: Uint8Array) {
  const signer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return issueCertificate({
    subject: 'attested',
    issuer: 'attested',
    serialNumber: 1n,
    notBefore: now,
    notAfter: now,
    publicKey: createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' }),
    signingKey: signer.privateKey,
    extensions: [basicConstraintsExtension(false)],
  });
}
