import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { AppleDeviceCheck } from '../../../test/doubles/apple-device-check.ts';
import {
  APPLE_DEVICE_CHECK_URLS,
  type DeviceCheckOptions,
  queryTwoBits,
  updateTwoBits,
} from './device-check-client.ts';

const NOW = new Date('2026-11-27T05:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const TEAM = { teamId: 'TEAM123456', keyId: 'KEY1234567' };

function apple(ours: Partial<DeviceCheckOptions> = {}) {
  let now = NOW;
  const service = new AppleDeviceCheck({ ...TEAM, publicKey, now: () => now });
  const options: DeviceCheckOptions = {
    ...TEAM,
    privateKey,
    baseUrls: APPLE_DEVICE_CHECK_URLS,
    fetch: service.fetch,
    ...ours,
  };
  const call = () => ({ transactionId: `t${service.asked.length}`, now });
  const token = (phone = 'phone', environment: 'production' | 'development' = 'production') => ({
    environment,
    token: service.tokenOf(phone, environment),
  });
  return {
    service,
    token,
    wait: (until: Date) => {
      now = until;
    },
    query: (of = token()) => queryTwoBits(options, of, call()),
    update: (bits: { bit0: boolean; bit1: boolean }, of = token()) =>
      updateTwoBits(options, of, bits, call()),
  };
}

it('reads what it wrote, of each phone and environment by itself', async () => {
  const { query, update, token } = apple();
  const none = { bit0: false, bit1: false, writtenMonth: null };
  expect(await query()).toEqual(none);
  await update({ bit0: true, bit1: false });
  expect(await query()).toEqual({ bit0: true, bit1: false, writtenMonth: 202_611 });
  await update({ bit0: false, bit1: true });
  expect(await query()).toEqual({ bit0: false, bit1: true, writtenMonth: 202_611 });
  expect(await query(token('another'))).toEqual(none);
  expect(await query(token('phone', 'development'))).toEqual(none);
});

it('takes either text for a phone that has no bits, and no other', async () => {
  const { service, query } = apple();
  for (const text of ['Failed to find bit state', 'Bit State Not Found', 'Bit State Not Found\n']) {
    service.trouble = () => new Response(text);
    expect(await query()).toEqual({ bit0: false, bit1: false, writtenMonth: null });
  }
  for (const text of ['', 'OK', '{}', '{"bit0":true}', '<html>Bit State Not Found</html>']) {
    service.trouble = () => new Response(text);
    await expect(query()).rejects.toMatchObject({ code: 'unexpected-answer' });
  }
  service.trouble = () => Response.json({ bit0: true, bit1: false, last_update_time: '2026-13' });
  await expect(query()).rejects.toMatchObject({ code: 'unexpected-answer' });
});

it('tells a token that is none from our own faults', async () => {
  const { query, update, token, wait } = apple();
  const old = token();
  await expect(query({ environment: 'production', token: 'bm8gdG9rZW4=' })).rejects.toMatchObject({
    code: 'device-token-refused',
  });
  const elsewhere = { ...token('phone', 'development'), environment: 'production' } as const;
  await expect(query(elsewhere)).rejects.toMatchObject({ code: 'device-token-refused' });
  wait(later(31));
  await expect(query(old)).rejects.toMatchObject({ code: 'device-token-refused' });
  await expect(update({ bit0: true, bit1: true }, old)).rejects.toMatchObject({
    code: 'device-token-refused',
  });
  const strangers = [{ teamId: 'TEAM999999' }, { keyId: 'KEY9999999' }];
  for (const ours of strangers) {
    await expect(apple(ours).query()).rejects.toMatchObject({ code: 'unauthorised' });
  }
  const { service, query: again } = apple();
  service.trouble = () =>
    new Response('Missing or badly formatted authorization token', { status: 400 });
  await expect(again()).rejects.toMatchObject({ code: 'unexpected-answer' });
});

const failing = (error: Error) => (): Response => {
  throw error;
};

it.each([
  ['too many requests', 'throttled', () => new Response('', { status: 429 })],
  ['a server in trouble', 'unavailable', () => new Response('', { status: 500 })],
  ['a closed service', 'unavailable', () => new Response('', { status: 503 })],
  ['no answer', 'unavailable', failing(new DOMException('', 'TimeoutError'))],
  ['an answer without end', 'unexpected-answer', () => new Response('x'.repeat(5_000))],
  ['a redirect that fetch refused', 'unavailable', failing(new TypeError('redirect'))],
])('knows nothing of a phone by %s: %s', async (_name, code, trouble) => {
  const { service, query, update } = apple();
  service.trouble = trouble;
  await expect(query()).rejects.toMatchObject({ name: 'AttestationServiceError', code });
  if (code === 'unexpected-answer') return;
  await expect(update({ bit0: true, bit1: false })).rejects.toMatchObject({ code });
});
