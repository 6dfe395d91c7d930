/** A push of the `orders` topic: what a publisher ordered in the console is carried out, or refused, at once. */

import type { Log } from '../log.ts';
import { type CarryOutServices, carryOutOrder } from '../operators/carry-out-order.ts';
import type { EventHandlerFactory } from './event-handler.ts';
import { PoisonError, readPush } from './push-message.ts';

interface OrderServices extends CarryOutServices {
  readonly log: Log;
  readonly now: () => Date;
}

/** Resolves once the order is answered; throws to have it delivered again, until it is too old. */
export const createHandler: EventHandlerFactory<OrderServices> =
  (services) =>
  async ({ id, data }) => {
    let message: unknown;
    try {
      message = readPush(data);
    } catch (error) {
      if (!(error instanceof PoisonError)) throw error;
      services.log('ERROR', 'order not understood', { cause: error.reason, messageId: id });
      return;
    }
    const outcome = await carryOutOrder(services, message, services.now());
    const { state, order } = outcome;
    services.log(state === 'refused' ? 'ERROR' : 'INFO', 'order answered', {
      ...{ state, messageId: id },
      ...(state === 'refused' && { cause: outcome.refusal }),
      ...(order && { order: order.orderId, act: order.act, model: order.model }),
    });
  };
