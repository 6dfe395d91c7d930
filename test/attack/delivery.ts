import type * as hpke from '../../functions/protocol/hpke.ts';
import type * as crypto from '../../functions/protocol/node-crypto.ts';
import type * as accepting from '../../sdk/typescript/opening/accept-grant.ts';
import type * as opening from '../../sdk/typescript/opening/open-grant.ts';
import { inPieces } from '../support/streams.ts';
import type * as clouds from '../support/test-cloud.ts';
import { outcomeOf } from './attack.ts';
import type { Lab } from './lab.ts';
import { SUITE } from './requests.ts';

const ACCEPT = 'sdk/typescript/opening/accept-grant.ts';
export const MODEL = new Uint8Array(Buffer.alloc(200_000, 'weights '));
export const HOUR_MS = 3_600_000;

/** A cloud and a device in this mutant, with one model between them. */
export async function delivery(lab: Lab) {
  const { nodeCrypto } = await lab.load<typeof crypto>('functions/protocol/node-crypto.ts');
  const { createTestCloud, TEST_NOW } = await lab.load<typeof clouds>('test/support/test-cloud.ts');
  const { acceptGrant } = await lab.load<typeof accepting>(ACCEPT);
  const { openGrant } = await lab.load<typeof opening>('sdk/typescript/opening/open-grant.ts');
  const { generateRecipientKey } = await lab.load<typeof hpke>('functions/protocol/hpke.ts');
  const cloud = createTestCloud();
  const recipientKey = await generateRecipientKey(SUITE);
  const published = await cloud.publish(MODEL);
  type Delivered = Awaited<ReturnType<typeof cloud.grant>>;
  const accept = ({ grant }: Delivered, key = recipientKey, now = TEST_NOW) =>
    acceptGrant(nodeCrypto, {
      grant,
      expected: { deviceId: 'd_1', model: 'pose' },
      recipientKey: key,
      pinnedKeys: cloud.pinnedKeys,
      now,
    });
  const open = async (delivered: Delivered, key = recipientKey) =>
    openGrant(nodeCrypto, await accept(delivered, key), inPieces(delivered.sealed));
  return {
    cloud,
    recipientKey,
    published,
    accept,
    open,
    generateRecipientKey,
    nodeCrypto,
    now: TEST_NOW,
  };
}

type Delivery = Awaited<ReturnType<typeof delivery>>;
type Delivered = Awaited<ReturnType<Delivery['cloud']['grant']>>;

/** How it ends to open a grant, and its bytes, after this change on their way. */
export const opened =
  (change: (genuine: Delivered, lab: Delivery) => Delivered | Promise<Delivered>) =>
  async (lab: Lab) => {
    const between = await delivery(lab);
    const genuine = await between.cloud.grant(between.published, between.recipientKey);
    return outcomeOf(between.open(await change(genuine, between)));
  };
