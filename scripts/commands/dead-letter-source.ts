/** The dead letters that wait in Pub/Sub, as the `dead-letters` subscription of infra/ holds them. */
import { PubSub } from '@google-cloud/pubsub';
import type { Config } from '../../functions/config.ts';
import type { DeadLetter } from './replay-dead-letters.ts';

const SUBSCRIPTION = 'dead-letters';
/** With nothing new for so long, everything has been seen. */
const QUIET_MS = 5_000;

/** Each waiting letter once; one that was left behind shows up again only in the next run. */
export async function* deadLettersOf({
  projectId,
  endpoints,
}: Pick<Config, 'projectId' | 'endpoints'>): AsyncGenerator<DeadLetter> {
  const pubsub = new PubSub({
    projectId,
    ...(endpoints.pubsub && {
      apiEndpoint: endpoints.pubsub,
      emulatorMode: new URL(endpoints.pubsub).protocol === 'http:',
    }),
  });
  const subscription = pubsub.subscription(SUBSCRIPTION);
  const waiting: DeadLetter[] = [];
  const seen = new Set<string>();
  let wake: () => void = () => undefined;
  let failure: Error | undefined;
  subscription.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  subscription.on('message', (message) => {
    if (seen.has(message.id)) return;
    seen.add(message.id);
    waiting.push({
      data: message.data.toString('utf8'),
      ack: () => message.ack(),
      // Not handed back at once: it would only come again while this runs.
      nack: () => message.modAck(60),
    });
    wake();
  });
  try {
    for (;;) {
      if (waiting.length === 0 && !failure) await quiet((resolve) => (wake = resolve));
      if (failure) throw failure;
      const letter = waiting.shift();
      if (!letter) return;
      yield letter;
    }
  } finally {
    await subscription.close();
    await pubsub.close();
  }
}

/** Resolves on a call or when it has been quiet for long enough. */
function quiet(register: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, QUIET_MS);
    register(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
