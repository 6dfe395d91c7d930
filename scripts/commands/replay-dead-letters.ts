/** Gives dead letters another chance: those that are sound by now go back to where they belong. */
import { z } from 'zod';
import type { EventPublisher } from '../../functions/cloud/event-publisher.ts';
import { eventMessage, readEventMessage } from '../../functions/fraud/event-message.ts';

/** A message of the dead-letter topic, as the scoring function wrote it or as Pub/Sub moved it there. */
export interface DeadLetter {
  readonly data: string;
  ack(): void;
  /** Leaves it where it is. */
  nack(): void;
}

export interface ReplayedLetters {
  readonly replayed: number;
  readonly stillPoison: number;
}

const wrapped = z.object({ cause: z.string(), data: z.string().nullable() });

/** Publishes every sound event among `letters` again, and acknowledges it only when that succeeded. */
export async function replayDeadLetters(
  letters: AsyncIterable<DeadLetter>,
  publisher: EventPublisher,
): Promise<ReplayedLetters> {
  let replayed = 0;
  let stillPoison = 0;
  for await (const letter of letters) {
    const event = readEventMessage(contentOf(letter.data));
    if (event) {
      await publisher.publish('events', eventMessage(event));
      letter.ack();
      replayed += 1;
    } else {
      letter.nack();
      stillPoison += 1;
    }
  }
  return { replayed, stillPoison };
}

function contentOf(text: string): unknown {
  const value = parsed(text);
  const letter = wrapped.safeParse(value);
  if (!letter.success) return value;
  return parsed(Buffer.from(letter.data.data ?? '', 'base64').toString('utf8'));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
