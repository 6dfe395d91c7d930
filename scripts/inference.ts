/**
 * `npm run inference`: real models on their whole way to a phone, run in headless Chromium by LiteRT
 * before and after. Leaves with 1 if any step is not as said; `--json` prints the steps for machines.
 * `--tracing` measures, instead, what marks do to outputs, over `--grants` grants; `--model` picks one.
 */
import { parseArgs } from 'node:util';
import { type Delivery, startDelivery } from '../test/inference/delivery.ts';
import { tellHarmlessness } from '../test/inference/harmlessness-story.ts';
import { TEST_MODELS } from '../test/inference/models.ts';
import { tellProof } from '../test/inference/proof.ts';
import { type Runtime, startRuntime } from '../test/inference/runtime.ts';
import type { Figure } from './bench.ts';
import { tellStory } from './demo/story.ts';
import { timeText } from './terminal/units.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    tracing: { type: 'boolean', default: false },
    grants: { type: 'string', default: '10' },
    model: { type: 'string', multiple: true },
  },
});
const print = values.json ? () => undefined : (line: string) => console.log(line);
const models = TEST_MODELS.filter(({ id }) => values.model?.includes(id) ?? true);
const startedAt = performance.now();
const story = tellStory(print);
let figures: readonly Figure[] = [];

await using started = new AsyncDisposableStack();
let runtime: Runtime | undefined;
await story.step('A browser with the runtime starts', async () => {
  runtime = await startRuntime();
  started.defer(runtime.close);
  return runtime.description;
});
if (runtime && values.tracing) {
  figures = await tellHarmlessness(story, runtime, models, Number(values.grants));
} else if (runtime) {
  let delivery: Delivery | undefined;
  await story.step('The system starts locally, and a phone enrols', async () => {
    delivery = await startDelivery();
    started.defer(delivery.close);
    return `Firestore and Pub/Sub as in-memory doubles, API at ${delivery.stack.baseUrl}`;
  });
  if (delivery) for (const model of models) await tellProof(story, delivery, runtime, model);
}

const failed = story.results.filter(({ ok }) => !ok);
if (values.json) {
  console.log(JSON.stringify({ ok: failed.length === 0, steps: story.results, figures }, null, 2));
} else {
  const total = timeText(performance.now() - startedAt);
  print(`\n${story.results.length - failed.length} of ${story.results.length} steps ✓ in ${total}`);
}
process.exitCode = failed.length === 0 ? 0 : 1;
