/** How many events scoring takes a second, and what an event costs in database operations. */
import type { DocumentStore } from '../../functions/cloud/documents.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { eventMessage } from '../../functions/fraud/event-message.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import { createScoreHandler } from '../../functions/workers/score.ts';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import { publishCatalogue } from '../../test/simulate/catalogue.ts';
import { populateGood } from '../../test/simulate/population.ts';
import { populateThieves } from '../../test/simulate/thieves.ts';
import { runWorld } from '../../test/simulate/world.ts';
import type { Figure } from '../../test/support/figure.ts';
import { createRandom } from '../../test/support/random.ts';
import { scoringOnEmulators } from './scoring-emulators.ts';

const SEED = 1;

export async function run(): Promise<Figure[]> {
  const events: FraudEvent[] = [];
  await runWorld(
    { live: DEFAULT_RULES },
    createRandom(SEED),
    12,
    (world) => {
      publishCatalogue(world);
      populateGood(world, 150, () => undefined);
      populateThieves(world, 1, () => undefined, undefined, 1);
    },
    { event: (event) => events.push(event) },
  );
  const note = `${events.length} simulated events of 12 days, one process`;

  const replay = createReplay({ live: DEFAULT_RULES });
  const pureSeconds = await secondsOf(async () => {
    for (const event of events) replay.apply(event);
  });

  const counted = countingStore(memoryDocuments());
  const handle = createScoreHandler({
    documents: counted.store,
    publisher: { publish: async () => undefined },
    rules: DEFAULT_RULES,
    now: () => new Date('2028-01-01'),
    log: () => undefined,
  });
  const handlerSeconds = await secondsOf(async () => {
    for (const event of events) {
      const data = {
        message: { data: Buffer.from(JSON.stringify(eventMessage(event))).toString('base64') },
      };
      await handle({ id: '1', type: 'published', source: 'bench', data });
    }
  });
  return [
    { name: 'score.pure', value: events.length / pureSeconds, unit: 'events/s', note },
    {
      name: 'score.handler',
      value: events.length / handlerSeconds,
      unit: 'events/s',
      note: `${note}, in-memory store that copies like a database`,
    },
    { name: 'score.reads', value: counted.reads() / events.length, unit: 'reads/event', note },
    { name: 'score.writes', value: counted.writes() / events.length, unit: 'writes/event', note },
    ...(await scoringOnEmulators(events)),
  ];
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

/** Counts the documents that transactions read and write, as a database bills them. */
function countingStore(store: DocumentStore) {
  let reads = 0;
  let writes = 0;
  const counting: DocumentStore = {
    ...store,
    transaction: (work) =>
      store.transaction((tx) =>
        work({
          ...tx,
          getAll(paths) {
            reads += paths.length;
            return tx.getAll(paths);
          },
          set(path, data) {
            writes += 1;
            tx.set(path, data);
          },
          delete(path) {
            writes += 1;
            tx.delete(path);
          },
        }),
      ),
  };
  return { store: counting, reads: () => reads, writes: () => writes };
}
