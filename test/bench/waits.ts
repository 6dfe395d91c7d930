/**
 * A grant where each answer of a service takes a tenth of a second: what is counted is how many of them it waits for one
 * after the other. On a machine where everything runs at once, processors hide that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import type { CloudClients } from '../../functions/services.ts';
import { startStack } from '../stack/stack.ts';
import { genuineIphone } from '../support/app-phone.ts';
import type { Figure } from '../support/figure.ts';
import { publishFile } from '../support/publish.ts';
import { median } from '../support/statistics.ts';
import { benchPhone } from './bench-phone.ts';
import { floorOnce } from './floor.ts';

const MODEL = 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite';
const SIZE_BYTES = 249_537;
const ANSWER_MS = 100;
const USERS = 15;

export async function grantByWaits(): Promise<Figure> {
  let isSlow = false;
  const answer = async () => void (isSlow && (await sleep(ANSWER_MS)));
  const stack = await startStack({
    inMemory: true,
    clientsOf: (name, clients) => (name === 'grant' ? slowed(clients, answer) : clients),
  });
  try {
    const entry = { name: 'bench', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] } as const;
    const clients = slowed(stack.clients, answer);
    const services = await createServices(
      loadConfig(stack.environment),
      entry,
      clients,
      () => undefined,
    );
    await publishFile(services, '250kb', MODEL, { version: '1' });
    const ratios: number[] = [];
    for (let user = 0; user < USERS; user++) {
      const token = await stack.token(`waits-${user}`);
      const phone = benchPhone(stack.baseUrl, token, genuineIphone(stack));
      await phone.client.enrol();
      isSlow = true;
      const { wholeMs } = await phone.timed(() => phone.client.grant('250kb'));
      const floorMs = await floorOnce(services, SIZE_BYTES);
      isSlow = false;
      ratios.push(wholeMs / floorMs);
    }
    return {
      name: 'grant.floor_ratio.250kb.by_waits',
      value: median(ratios),
      unit: '×',
      note: `each answer of a service takes ${ANSWER_MS} ms; to one transaction and one upload; in memory`,
    };
  } finally {
    await stack.stop();
  }
}

/** One wait for each request: of reads and of the commit, of the first bytes, of the end of an upload, of a publication. */
function slowed(clients: CloudClients, answer: () => Promise<void>): CloudClients {
  const { documents, objects, publisher } = clients;
  const after = async <T>(work: Promise<T>): Promise<T> => {
    const result = await work;
    await answer();
    return result;
  };
  return {
    ...clients,
    documents: {
      ...documents,
      get: (path) => after(documents.get(path)),
      transaction: (work) =>
        documents.transaction((tx) =>
          after(work({ ...tx, getAll: (paths) => after(tx.getAll(paths)) })),
        ),
    },
    objects: {
      ...objects,
      async *read(...args) {
        await answer();
        yield* objects.read(...args);
      },
      write: (...args) => after(objects.write(...args)),
    },
    publisher: { ...publisher, publish: (...args) => after(publisher.publish(...args)) },
  };
}
