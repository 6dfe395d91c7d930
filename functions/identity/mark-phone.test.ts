import { expect, it } from '@jest/globals';
import type { RecallBits } from '../attestation/play-integrity/recall-client.ts';
import type { DeviceRecord } from './devices.ts';
import { markPhone } from './mark-phone.ts';

const device = (phone: DeviceRecord['phone']) => ({ appId: 'com.example', phone }) as DeviceRecord;
/** Google's side of it: what it was asked to remember. */
function google(failure?: Error) {
  const asked: { packageName: string; token: string; bits: RecallBits }[] = [];
  const writeDeviceRecall = async (packageName: string, token: string, bits: RecallBits) => {
    if (failure) throw failure;
    asked.push({ packageName, token, bits });
  };
  return { asked, writeDeviceRecall };
}
const newAccount = { newAccount: true, blocked: false };

it('counts one more account on the phone, by the token that came from it', async () => {
  const service = google();
  const attested = { device: device({ accounts: 1, blocked: false }), recallToken: 'token' };
  expect(await markPhone(attested, newAccount, service)).toBe(true);
  const bits = { bitFirst: false, bitSecond: true, bitThird: false };
  expect(service.asked).toEqual([{ packageName: 'com.example', token: 'token', bits }]);
});

it('keeps that one who is blocked tried to enrol the phone', async () => {
  const service = google();
  const attested = { device: device({ accounts: 3, blocked: false }), recallToken: 'token' };
  await markPhone(attested, { newAccount: false, blocked: true }, service);
  expect(service.asked[0]?.bits).toEqual({ bitFirst: true, bitSecond: true, bitThird: true });
});

it('asks nothing where the phone may not be marked, and refuses nobody where Google fails', async () => {
  const service = google();
  const attested = { device: device(null), recallToken: undefined };
  expect(await markPhone(attested, newAccount, service)).toBeUndefined();
  expect(service.asked).toEqual([]);
  const failing = google(new Error('down'));
  expect(await markPhone({ ...attested, recallToken: 'token' }, newAccount, failing)).toBe(false);
});
