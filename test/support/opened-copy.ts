/** What a phone opens of a model that it was granted: the copy that a thief would have. */
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import type { CloudClients } from '../../functions/services.ts';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { openGrant } from '../../sdk/typescript/opening/open-grant.ts';
import type { phoneClient } from './app-phone.ts';

interface Cloud {
  readonly clients: Pick<CloudClients, 'keys' | 'objects'>;
  readonly sealedBucket: string;
}

/** The copy that this phone gets and opens. */
export async function openedCopy(
  { clients: { keys, objects }, sealedBucket }: Cloud,
  phone: Pick<ReturnType<typeof phoneClient>['client'], 'grant'>,
  modelId: string,
) {
  const grant = await phone.grant(modelId);
  const accepted = await acceptGrant(nodeCrypto, {
    grant,
    expected: { deviceId: grant.deviceId, model: modelId },
    recipientKey: grant.recipientKey,
    pinnedKeys: [...(await keys.publicKeys('manifest')), ...(await keys.publicKeys('licence'))],
    now: new Date(),
  });
  const names = (await Array.fromAsync(objects.list(sealedBucket, ''))).map(({ name }) => name);
  const object = names.find((name) => name.endsWith(grant.grantId)) ?? '';
  const bytes = await openGrant(nodeCrypto, accepted, objects.read(sealedBucket, object));
  return { bytes, grantId: grant.grantId, deviceId: grant.deviceId };
}
