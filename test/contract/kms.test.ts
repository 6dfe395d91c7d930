import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { kmsKeys } from '../../functions/cloud/kms.ts';
import { LOCAL_SIGNING_KEYS, localKeyNames } from '../doubles/kms/kms-keys.ts';
import { type KmsServer, startKmsServer } from '../doubles/kms/kms-server.ts';
import { keyServiceContract } from './keys.contract.ts';

const keys = localKeyNames('contract');

describe('Cloud KMS client against the local server', () => {
  let server: KmsServer;
  let service: ReturnType<typeof kmsKeys>;

  beforeAll(async () => {
    server = await startKmsServer({ names: keys });
    service = kmsKeys({ keys, signingKeys: LOCAL_SIGNING_KEYS, endpoint: server.url });
  });
  afterAll(async () => {
    await service.close();
    await server.stop();
  });

  keyServiceContract(() => service);

  it('fails for a key that is not there', async () => {
    const lost = kmsKeys({
      keys: { ...keys, vault: `${keys.vault}x` },
      signingKeys: LOCAL_SIGNING_KEYS,
      endpoint: server.url,
    });
    const wrapped = lost.wrap(new Uint8Array(32), new Uint8Array());
    await expect(wrapped).rejects.toMatchObject({ name: 'UpstreamError', timedOut: false });
    await lost.close();
  });

  it('asks for the public keys once in a while only', async () => {
    const first = await service.publicKeys('licence');
    expect(await service.publicKeys('licence')).toBe(first);
  });

  it('refuses bytes that do not match their checksum', async () => {
    const client = new KeyManagementServiceClient({
      apiEndpoint: '127.0.0.1',
      port: Number(new URL(server.url).port),
      sslCreds: credentials.createInsecure(),
    });
    const encrypted = client.encrypt({
      name: keys.vault,
      plaintext: Buffer.from('x'),
      plaintextCrc32c: { value: 1 },
    });
    await expect(encrypted).rejects.toMatchObject({ code: 3 });
    const signed = client.asymmetricSign({ name: `${keys.manifest}/cryptoKeyVersions/1` });
    await expect(signed).rejects.toMatchObject({ code: 3 });
    await client.close();
  });
});

describe('a key file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-keys-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('keeps the keys between two runs', async () => {
    const keyFile = join(folder, 'keys.json');
    const aad = Buffer.from('aad');
    const seen = [];
    let wrapped: Uint8Array | undefined;
    for (let run = 0; run < 2; run++) {
      const server = await startKmsServer({ names: keys, keyFile });
      const service = kmsKeys({ keys, signingKeys: LOCAL_SIGNING_KEYS, endpoint: server.url });
      wrapped ??= await service.wrap(Buffer.from('secret'), aad);
      seen.push({
        publicKeys: await service.publicKeys('manifest'),
        secret: Buffer.from(await service.unwrap(wrapped, aad)).toString(),
      });
      await service.close();
      await server.stop();
    }
    expect(seen[0]?.secret).toBe('secret');
    expect(seen[1]).toEqual(seen[0]);
  });
});
