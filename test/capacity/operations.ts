/**
 * What one grant uses of Google's services, counted over all functions that have to do with it:
 * challenge, grant, and the scoring of its event.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import { startStack } from '../stack/stack.ts';
import { genuineIphone, phoneClient } from '../support/app-phone.ts';
import { countedClients, OPERATIONS, type Operation } from '../support/counted-clients.ts';
import { publishBytes } from '../support/publish.ts';
import { tfliteFile } from '../support/tflite-file.ts';

export type Use = Readonly<Record<Operation, number>>;

const USERS = 6;
const QUIET_MS = 400;

/** Counted with running instances, after each user's first grant: what instances keep is not asked for again, and
 * the challenge came with the answer before. */
export async function operationsOfAGrant(): Promise<Use> {
  const counts = new Map<Operation, number>();
  const stack = await startStack({
    inMemory: true,
    clientsOf: (_name, clients) =>
      countedClients(clients, (operation, times = 1) =>
        counts.set(operation, (counts.get(operation) ?? 0) + times),
      ),
  });
  try {
    const secrets = ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] as const;
    const { environment, clients } = stack;
    const config = loadConfig(environment);
    const services = await createServices(
      config,
      { name: 'capacity', secrets },
      clients,
      () => undefined,
    );
    const layer = { buffer: 1, name: 'w', shape: [1_024] };
    const { bytes } = tfliteFile([layer], [{}, { data: randomBytes(4_096) }]);
    await publishBytes(services, 'counted', bytes);
    const tokens = await Promise.all(
      Array.from({ length: USERS }, (_, user) => stack.token(`counted-${user}`)),
    );
    const phones = tokens.map((token) =>
      phoneClient({
        baseUrl: stack.baseUrl,
        platform: genuineIphone(stack),
        userToken: async () => token,
      }),
    );
    for (const { client } of phones) await client.grant('counted');
    await untilQuiet(counts);
    counts.clear();
    for (const { client } of phones) await client.grant('counted');
    await untilQuiet(counts);
    const each = (operation: Operation) => (counts.get(operation) ?? 0) / USERS;
    return Object.fromEntries(OPERATIONS.map((name) => [name, each(name)])) as Use;
  } finally {
    await stack.stop();
  }
}

/** Scoring comes after the answer. */
async function untilQuiet(counts: ReadonlyMap<Operation, number>): Promise<void> {
  for (let before = ''; ; ) {
    await sleep(QUIET_MS);
    const now = JSON.stringify([...counts]);
    if (now === before) return;
    before = now;
  }
}
