/** A model on its whole way: published, granted to a virtual phone, opened, stored, opened again from there. */

import { readFile, rm } from 'node:fs/promises';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { LayerReader } from '../../sdk/typescript/opening/layer-reader.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { type Person, personWithPhone } from '../support/person.ts';
import { publishFile } from '../support/publish.ts';
import type { TestModel } from './models.ts';

/** One model in the three states that matter. */
export interface Delivered {
  readonly original: Uint8Array;
  /** What the phone's store hands to a runtime. */
  readonly reopened: Uint8Array;
  /** As delivered, the file layer opened, the weights not. */
  readonly weightsEncrypted: Uint8Array;
  readonly layers: number;
}

export interface Delivery {
  readonly stack: Stack;
  deliver(model: TestModel): Promise<Delivered>;
  close(): Promise<void>;
}

/** The system on loopback with in-memory doubles, and one phone. */
export async function startDelivery(): Promise<Delivery> {
  const started = new AsyncDisposableStack();
  try {
    const stack = await startStack({ inMemory: true });
    started.defer(() => stack.stop());
    const services = await createServices(
      loadConfig(stack.environment),
      { name: 'inference', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
      stack.clients,
      () => undefined,
    );
    const pinnedKeys = [
      ...(await services.keys.publicKeys('manifest')),
      ...(await services.keys.publicKeys('licence')),
    ];
    const phone = personWithPhone({ ...stack, user: 'ann', pinnedKeys });
    started.defer(() => rm(phone.directory, { recursive: true }));
    await phone.client.enrol();
    return {
      stack,
      async deliver({ id, file }) {
        // Without marks, since the copy must be the original to the last bit.
        const published = await publishFile(services, id, file, { version: '1', tracing: 'off' });
        const weightsEncrypted = await deliveredFile(phone, pinnedKeys, id);
        // The first call asks for a grant and stores it, the second finds it there.
        (await phone.models.get(id))[Symbol.dispose]();
        using stored = await phone.models.get(id);
        return {
          original: await readFile(file),
          reopened: await stored.withModel((bytes) => Uint8Array.from(bytes)),
          weightsEncrypted,
          layers: published.layers,
        };
      },
      close: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** A grant's file as somebody sees it who has the file key, but not the key of the weights. */
async function deliveredFile(
  phone: Person,
  pinnedKeys: Parameters<typeof acceptGrant>[1]['pinnedKeys'],
  model: string,
): Promise<Uint8Array> {
  const grant = await phone.client.grant(model);
  const sealed = Buffer.concat(await Array.fromAsync(await phone.api.download(grant.url)));
  const { keys } = await acceptGrant(nodeCrypto, {
    grant,
    expected: { deviceId: grant.deviceId, model },
    recipientKey: grant.recipientKey,
    pinnedKeys,
    now: new Date(),
  });
  const read = (offset: number, length: number) => sealed.subarray(offset, offset + length);
  const reader = await LayerReader.open(nodeCrypto, read, keys);
  return reader.range(0, reader.header.plainBytes);
}
