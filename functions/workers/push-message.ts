/** Messages as Pub/Sub pushes them (https://cloud.google.com/pubsub/docs/push#receive_push). */
import { z } from 'zod';

const pushSchema = z.object({
  message: z.object({
    data: z.string(),
    messageId: z.string().optional(),
    publishTime: z.string().optional(),
  }),
});

/** A message that no further delivery can make right, with a stable word for why. */
export class PoisonError extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`poison message: ${reason}`);
    this.name = 'PoisonError';
    this.reason = reason;
  }
}

/** A message's data as it came, base64; null where `push` is no message. */
export function messageData(push: unknown): string | null {
  const parsed = pushSchema.safeParse(push);
  return parsed.success ? parsed.data.message.data : null;
}

/** What a message says. Throws PoisonError for what is no message, or no JSON in UTF-8. */
export function readPush(push: unknown): unknown {
  const data = messageData(push);
  if (data === null) throw new PoisonError('not_a_message');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(data, 'base64'));
    return JSON.parse(text);
  } catch {
    throw new PoisonError('not_json');
  }
}
