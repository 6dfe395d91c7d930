/** docs/mobile/sdk-behaviour.md in TypeScript: users and storage. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { softwareKey } from '../../../sdk/typescript/node/software-key.ts';
import {
  bytesOf,
  calls,
  codeOf,
  inTheField,
  network,
  phone,
  publishedModel,
  stack,
} from './field.ts';

inTheField();

describe('users and storage', () => {
  it('R1 a copy of one account opens for no other on the same phone', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    const files = ann.files();
    ann.userToken = () => stack.token(`other-${ann.user}`);
    network.reset();
    const other = ann.start({ account: 'other' });
    expect((await bytesOf(await other.get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant')).toEqual([1, 1]);
    await other.signOut({ erase: true });
    expect(ann.files()).toEqual(files);
  });

  it('R2 signing out closes, and signing in again opens without a grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const open = await models.get(model.id);
    await models.signOut();
    expect(await codeOf(open.withModel(() => 0))).toBe('closed');
    expect(await codeOf(models.get(model.id))).toBe('closed');
    network.reset();
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('challenge', 'grant')).toEqual([0, 0]);
  });

  it('R3 a key or a storage out of reach for a moment costs nothing', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    const files = ann.files();
    network.reset();
    const { hardwareKey, storage } = ann;
    const away = async () => {
      throw new Error('the phone is locked');
    };
    ann.hardwareKey = { ...hardwareKey, unwrap: away };
    expect(await codeOf(ann.start().get(model.id))).toBe('key-unavailable');
    await ann
      .start()
      .cleanUp()
      .catch(() => undefined);
    ann.hardwareKey = hardwareKey;
    ann.storage = { ...storage, read: away };
    expect(await codeOf(ann.start().get(model.id))).toBe('storage-unavailable');
    await ann
      .start()
      .cleanUp()
      .catch(() => undefined);
    ann.storage = storage;
    expect(ann.files()).toEqual(files);
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([0]);
  });

  it('R3 R26 a keychain that does not answer enrols nothing anew', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.sendReports();
    ann.isKeychainLocked = true;
    expect(await codeOf(models.get(model.id))).toBe('storage-unavailable');
    expect(await codeOf(models.sendReports())).toBe('storage-unavailable');
    ann.isKeychainLocked = false;
    await models.get(model.id);
    expect(ann.attested).toBe(1);
  });

  it.each(['', undefined])('R1 no account is none: %j is refused as the app starts', (account) => {
    const ann = phone();
    expect(() => ann.start({ account: account as string })).toThrow(RangeError);
  });

  it('R4 a lost wrapping key and changed bytes are mended by a new grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    ann.hardwareKey = softwareKey(nodeCrypto, new Uint8Array(32).fill(9));
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    const record = join(ann.folder, ann.files().find((name) => name.endsWith('.record')) ?? '');
    writeFileSync(record, readFileSync(record, 'utf8').replace('"v":2', '"v":3'));
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(ann.files().filter((name) => name.endsWith('.record'))).toHaveLength(1);
    expect(calls('grant')).toEqual([3]);
  });

  it('R5 a full disk is seen before a grant is spent', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.storage = { ...ann.storage, freeBytes: async () => 1_000_000 };
    expect(await codeOf(ann.start().get(model.id))).toBe('storage-full');
    expect(calls('grant')).toEqual([0]);
  });

  it('R6 no byte of the model is written in the clear', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await bytesOf(await ann.start().get(model.id));
    for (const name of readdirSync(ann.folder)) {
      expect(readFileSync(join(ann.folder, name)).includes(model.bytes.subarray(1000, 1032))).toBe(
        false,
      );
    }
  });
});
