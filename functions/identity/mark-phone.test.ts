import { expect, it } from '@jest/globals';
import type { RecallBits } from '../attestation/play-integrity/recall-client.ts';
import type { DeviceRecord } from './devices.ts';
import { markPhone } from './mark-phone.ts';

const device = (phone: DeviceRecord['phone'], platform: DeviceRecord['platform'] = 'android') =>
  ({ appId: 'com.example', environment: 'production', platform, phone }) as DeviceRecord;
/** The vendors' side of it: what they were asked to remember. */
function vendors(failure?: Error) {
  const asked: { packageName: string; token: string; bits: RecallBits }[] = [];
  const writeDeviceRecall = async (packageName: string, token: string, bits: RecallBits) => {
    if (failure) throw failure;
    asked.push({ packageName, token, bits });
  };
  const askedApple: unknown[] = [];
  const updateTwoBits = async (token: unknown, bits: unknown) => {
    if (failure) throw failure;
    askedApple.push({ token, bits });
  };
  return { asked, askedApple, writeDeviceRecall, updateTwoBits };
}
const newAccount = { newAccount: true, blocked: false };

it('counts one more account on the phone, by the token that came from it', async () => {
  const service = vendors();
  const attested = { device: device({ accounts: 1, blocked: false }), recallToken: 'token' };
  expect(await markPhone(attested, newAccount, service)).toBe(true);
  const bits = { bitFirst: false, bitSecond: true, bitThird: false };
  expect(service.asked).toEqual([{ packageName: 'com.example', token: 'token', bits }]);
});

it('keeps that one who is blocked tried to enrol the phone', async () => {
  const service = vendors();
  const attested = { device: device({ accounts: 3, blocked: false }), recallToken: 'token' };
  await markPhone(attested, { newAccount: false, blocked: true }, service);
  expect(service.asked[0]?.bits).toEqual({ bitFirst: true, bitSecond: true, bitThird: true });
});

it('asks nothing where the phone may not be marked, and refuses nobody where a vendor fails', async () => {
  const service = vendors();
  const attested = { device: device(null), recallToken: undefined };
  expect(await markPhone(attested, newAccount, service)).toBeUndefined();
  expect(service.asked).toEqual([]);
  const failing = vendors(new Error('down'));
  expect(await markPhone({ ...attested, recallToken: 'token' }, newAccount, failing)).toBe(false);
});

it('writes both of the two bits that Apple keeps', async () => {
  const service = vendors();
  const phone = { accounts: 1, blocked: true };
  const attested = { device: device(phone, 'ios'), recallToken: 'token' };
  expect(await markPhone(attested, newAccount, service)).toBe(true);
  const token = { environment: 'production', token: 'token' };
  expect(service.askedApple).toEqual([{ token, bits: { bit0: true, bit1: true } }]);
  expect(service.asked).toEqual([]);
  expect(await markPhone(attested, newAccount, vendors(new Error('down')))).toBe(false);
});
