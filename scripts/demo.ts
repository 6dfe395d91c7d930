/**
 * `npm run demo`: starts everything locally and tells the main story on real models, step by step.
 * Leaves with 1 if any step is not as said.
 */

import { rm } from 'node:fs/promises';
import { tellStory, timeText } from '../test/support/story.ts';
import { tellAttacks } from './demo/attacks.ts';
import { tellLeak } from './demo/leak.ts';
import { tellMainJob } from './demo/main-job.ts';
import { tellPrologue } from './demo/prologue.ts';
import { tellRollout } from './demo/rollout.ts';
import { commandLine } from './terminal/command-line.ts';

const values = commandLine(
  'demo',
  'Starts everything locally and tells the main story on real models.',
)
  .option('--json', 'print the steps for machines', false)
  .option('--in-memory', 'do without the emulators', false)
  .parse()
  .opts<{ json: boolean; inMemory: boolean }>();
const print = values.json ? () => undefined : (line: string) => console.log(line);
const startedAt = performance.now();
const story = tellStory(print);

print('modelseal: a model for one user, on one device, for one use\n');
const scene = await tellPrologue(story, values.inMemory);
if (scene) {
  try {
    await tellMainJob(story, scene);
    await tellAttacks(story, scene);
    await tellLeak(story, scene);
    await tellRollout(story, scene);
  } finally {
    await Promise.all(scene.phones().map(({ directory }) => rm(directory, { recursive: true })));
    await scene.stack.stop();
  }
}

const failed = story.results.filter(({ ok }) => !ok);
if (values.json) {
  const mode = scene?.stack.mode ?? null;
  console.log(JSON.stringify({ ok: failed.length === 0, mode, steps: story.results }, null, 2));
} else {
  const total = timeText(performance.now() - startedAt);
  print(`\n${story.results.length - failed.length} of ${story.results.length} steps ✓ in ${total}`);
  if (scene?.stack.mode === 'in-memory') {
    print('Firestore and Pub/Sub were in-memory doubles of the emulators.');
    for (const line of scene.stack.missing) print(`  ${line}`);
  }
}
process.exit(failed.length === 0 && scene ? 0 : 1);
