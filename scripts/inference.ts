/**
 * `npm run inference`: real models on their whole way to a phone, run in headless Chromium by LiteRT
 * before and after. Leaves with 1 if any step is not as said.
 */

import { type Delivery, startDelivery } from '../test/inference/delivery.ts';
import { tellHarmlessness } from '../test/inference/harmlessness-story.ts';
import { TEST_MODELS } from '../test/inference/models.ts';
import { tellProof } from '../test/inference/proof.ts';
import { type Runtime, startRuntime } from '../test/inference/runtime.ts';
import type { Figure } from '../test/support/figure.ts';
import { tellStory, timeText } from '../test/support/story.ts';
import { commandLine, wholeNumber } from './terminal/command-line.ts';

const values = commandLine(
  'inference',
  'Runs real models in headless Chromium before and after protection.',
)
  .option('--json', 'print the steps for machines', false)
  .option('--tracing', 'measure, instead, what marks do to outputs', false)
  .option('--grants <number>', 'over how many grants', wholeNumber, 10)
  .option('--model <id...>', 'only these models')
  .parse()
  .opts<{ json: boolean; tracing: boolean; grants: number; model?: string[] }>();
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
  figures = await tellHarmlessness(story, runtime, models, values.grants);
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
