/** What a publisher orders in the console, by somebody who is none, or who has got hold of an order. */
import { randomBytes } from 'node:crypto';
import type { DocumentValue } from '../../functions/cloud/documents.ts';
import type * as carrying from '../../functions/operators/carry-out-order.ts';
import type { ReleaseOrder } from '../../functions/operators/release-order.ts';
import { addressOf, consoleEnvironment, operatorClient } from '../support/console-access.ts';
import { startTokenIssuer } from '../support/token-issuer.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';

const SESSION = 'functions/operators/session.ts';
const CARRY_OUT = 'functions/operators/carry-out-order.ts';
const WHO_SIGNS_ASKS = edit(
  CARRY_OUT,
  "if (!mayDo(rolesOf(access.settings, by), operation)) throw new OrderRefusal('role_missing');",
);

const newId = () => `o_${randomBytes(16).toString('base64url')}`;

/** Version 1.0.0 of `smile` is for all, and 2.0.0 after it; to go back to the first is what is tried. */
async function published(lab: Lab) {
  const idp = await startTokenIssuer();
  lab.atEnd(() => idp.close());
  const api = await lab.api({ environment: consoleEnvironment(idp) });
  await new Promise((resolve) => setTimeout(resolve, 2));
  const other = Buffer.alloc(2_000, 'other bytes ');
  await api.publish('smile', other, { format: 'opaque', version: '2.0.0' });
  return { api, idp };
}

/** A message of the topic, as who signs gets it; its document waits. */
async function delivered(lab: Lab, change: Partial<ReleaseOrder>): Promise<string> {
  const { api } = await published(lab);
  const { carryOutOrder } = await lab.load<typeof carrying>(CARRY_OUT);
  const now = new Date();
  const order = {
    ...{ schema: 1, orderId: newId(), act: 'rollBack', model: 'smile', version: '1.0.0' },
    ...{ serial: 2, reason: 'an old one is easier', by: addressOf('publisher') },
    ...{ signedInAt: now.toISOString(), orderedAt: now.toISOString(), ...change },
  };
  const { schema: _, signedInAt: __, ...kept } = order;
  const waiting: Record<string, DocumentValue> = {
    ...{ ...kept, orderedAt: new Date(order.orderedAt), state: 'waiting' },
    ...{ refusal: null, answeredAt: null, expireAt: now },
  };
  await api.clients.documents.set(`orders/${order.orderId}`, waiting);
  const outcome = await carryOutOrder(api.services, order, now);
  return outcome.state === 'refused' ? outcome.refusal : SUCCEEDED;
}

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

export const releaseOrders: readonly Attack[] = [
  {
    name: 'console/order-role',
    tries: 'a viewer who has everybody’s phones go back to an old version',
    refused: '403 role_missing',
    defence:
      'the table of roles is asked by the function behind the page, and again by the one that signs',
    off: {
      edits: [
        edit(
          SESSION,
          "if (!mayDo(roles, operation)) throw new ServiceError('role_missing', { reason: operation });",
        ),
        WHO_SIGNS_ASKS,
      ],
    },
    async run(lab) {
      const { api, idp } = await published(lab);
      const { call } = await operatorClient(api.baseUrl, idp, 'viewer');
      const orderId = newId();
      const body = {
        ...{ orderId, act: 'rollBack', version: '1.0.0' },
        ...{ serial: 2, reason: 'an old one is easier' },
      };
      const outcome = await outcomeOf(call('POST', '/v1/admin/models/smile/orders', body));
      await api.delivered();
      const order = await api.clients.documents.get(`orders/${orderId}`);
      return order?.['state'] === 'refused' ? String(order['refusal']) : outcome;
    },
  },
  {
    name: 'console/order-author',
    tries: 'an order in the name of an operator, who may block users and sign nothing',
    refused: 'role_missing',
    defence: 'who signs asks the configuration himself whether the author is a publisher',
    off: { edits: [WHO_SIGNS_ASKS] },
    run: (lab) => delivered(lab, { by: addressOf('operator') }),
  },
  {
    name: 'console/order-old',
    tries: 'an order that was held back, and comes when its author has acted otherwise',
    refused: 'too_old',
    defence: 'an order holds for two minutes',
    off: {
      edits: [
        edit(
          CARRY_OUT,
          "if (ageMs > MAX_ORDER_AGE_MS || ageMs < -MAX_CLOCK_SKEW_MS) throw new OrderRefusal('too_old');",
        ),
      ],
    },
    run: (lab) => delivered(lab, { orderedAt: ago(600_000), signedInAt: ago(600_000) }),
  },
  {
    name: 'console/order-stale-sign-in',
    tries: 'an order of a session that was left open for an hour',
    refused: 'sign_in_again',
    defence: 'who signs looks himself when its author had signed in',
    off: {
      edits: [
        edit(
          CARRY_OUT,
          "if (OPERATIONS[operation].stepUp && !isFresh) throw new OrderRefusal('sign_in_again');",
        ),
      ],
    },
    run: (lab) => delivered(lab, { signedInAt: ago(3_600_000) }),
  },
  {
    name: 'console/order-replayed',
    tries: 'an order that was carried out, sent again with its document put back to waiting',
    refused: 'release_moved',
    defence: 'an order names the release record that its author saw, and holds for no other',
    off: {
      edits: [
        edit(CARRY_OUT, "if (release?.serial !== serial) throw new OrderRefusal('release_moved');"),
      ],
    },
    run: (lab) => delivered(lab, { serial: 1 }),
  },
  {
    name: 'console/order-forwards',
    tries: 'a roll-back that is none: everybody gets a version that nobody has yet',
    refused: 'not_older',
    defence: 'an order gives a version to all only where it is older than what is on offer',
    off: {
      edits: [
        edit(CARRY_OUT, "if (publishedAt(version) >= newest) throw new OrderRefusal('not_older');"),
      ],
    },
    run: (lab) => delivered(lab, { version: '2.0.0' }),
  },
];
