/** Events that rest in the log alone (functions/fraud/event-delivery.ts), published after all. */
import type { EventPublisher } from '../../functions/cloud/event-publisher.ts';
import { eventMessage, readEventMessage } from '../../functions/fraud/event-message.ts';

/** The member of a log line that holds the message of an event. */
const UNDELIVERED = /"undelivered":\s*("(?:[^"\\]|\\.)*")/g;

/** Publishes each event in a log, whatever form the log is in; an event that was delivered, too, counts once all the same. */
export async function recoverEvents(
  log: string,
  publisher: EventPublisher,
): Promise<{ readonly recovered: number; readonly unreadable: number }> {
  let recovered = 0;
  let unreadable = 0;
  for (const [, text = ''] of log.matchAll(UNDELIVERED)) {
    const event = readEventMessage(parsed(parsed(text)));
    if (event) {
      await publisher.publish('events', eventMessage(event));
      recovered += 1;
    } else {
      unreadable += 1;
    }
  }
  return { recovered, unreadable };
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}
