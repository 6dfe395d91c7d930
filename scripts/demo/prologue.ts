import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServices } from '../../functions/composition.ts';
import { loadConfig } from '../../functions/config.ts';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import type { Services } from '../../functions/services.ts';
import { type Stack, startStack } from '../../test/stack/stack.ts';
import { type Person, personWithPhone } from '../../test/support/person.ts';
import { mustBe, type Story, timeText } from '../../test/support/story.ts';
import type { VirtualPlatform } from '../../test/virtual-phones/virtual-platform.ts';
import { LOCAL_EVENT_LOG } from '../commands/command-services.ts';
import { publish } from '../commands/publish.ts';
import { progressBar } from '../terminal/progress-bar.ts';
import { sizeText } from '../terminal/units.ts';

/** What the steps share. */
export interface Scene {
  readonly stack: Stack;
  readonly services: Services;
  readonly pinnedKeys: readonly VerificationKey[];
  /** The published models in the clear, to compare with what comes out. */
  readonly originals: Readonly<Record<'pose' | 'selfie', { bytes: Buffer; sha256: string }>>;
  /** An iPhone, unless told otherwise. */
  phone(user: string, platform?: VirtualPlatform): Person;
  phones(): readonly Person[];
}

/** Short lives, so that the story sees them end. */
export const URL_TTL_SECONDS = 10;
export const SEALED_TTL_SECONDS = 12;
/** High, so that the hoarder meets the budget of new models and not the rate. */
const GRANTS_PER_USER_MINUTE = 60_000;

export const FILES = {
  pose: 'node_modules/@mediapipe/pose/pose_landmark_heavy.tflite',
  selfie: 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
};

/** How many small models there are to be hoarded: more than somebody who browses asks for. */
export const EFFECTS = 45;

/** Starts the stack and publishes the models; undefined where the stack did not start. */
export async function tellPrologue(story: Story, inMemory: boolean): Promise<Scene | undefined> {
  let stack: Stack | undefined;
  await story.step('Everything starts locally', async () => {
    const startedAt = performance.now();
    stack = await startStack({
      inMemory,
      eventLog: LOCAL_EVENT_LOG,
      environment: {
        URL_TTL_SECONDS: String(URL_TTL_SECONDS),
        SEALED_TTL_SECONDS: String(SEALED_TTL_SECONDS),
        GRANTS_PER_USER_MINUTE: String(GRANTS_PER_USER_MINUTE),
        GRANTS_PER_DEVICE_MINUTE: String(GRANTS_PER_USER_MINUTE),
        // Nobody waits half a day for the end of a demonstration.
        BLOCK_DELAY_SECONDS: '0',
      },
    });
    return [`ready in ${timeText(performance.now() - startedAt)}`, ...stack.summary].join('\n');
  });
  if (!stack) return undefined;
  const scene = await setScene(stack);

  await story.step('The publisher publishes two real models', async () => {
    const seen: string[] = [];
    for (const model of ['pose', 'selfie'] as const) {
      const { bytes } = scene.originals[model];
      const startedAt = performance.now();
      const result = await publish(
        scene.services,
        FILES[model],
        { model, version: '1.0.0' },
        process.stderr.isTTY ? progressBar : silent,
      );
      mustBe(result.outcome === 'published', `${model} published`);
      mustBe(result.sha256 === scene.originals[model].sha256, 'the manifest names the bytes');
      seen.push(
        `${model}: ${sizeText(bytes.length)}, ${result.layers} weight layers, ` +
          `${((100 * result.weightBytes) / bytes.length).toFixed(1)} % of it weights, ` +
          `encrypted and signed in ${timeText(performance.now() - startedAt)}`,
      );
    }
    const again = await publish(
      scene.services,
      FILES.pose,
      { model: 'pose', version: '1.0.0' },
      silent,
    );
    mustBe(again.outcome === 'unchanged', 'publishing the same again changes nothing');
    return seen.join('\n');
  });

  await story.step('A small catalogue of effects, and a personal model of Zoe', async () => {
    for (let i = 1; i <= EFFECTS; i++) {
      await publish(scene.services, FILES.selfie, { model: `effect-${i}`, version: '1' }, silent);
    }
    await publish(
      scene.services,
      FILES.selfie,
      { model: 'zoe-1', version: '1', owner: 'zoe' },
      silent,
    );
    return `${EFFECTS} effects for everybody, zoe-1 for Zoe alone`;
  });
  return scene;
}

export const silent: typeof progressBar = () => ({ update: () => undefined, end: () => undefined });

async function setScene(stack: Stack): Promise<Scene> {
  const services = await createServices(
    loadConfig(stack.environment),
    { name: 'demo', secrets: ['CHALLENGE_SECRET', 'PSEUDONYM_SECRET'] },
    stack.clients,
    () => undefined,
  );
  // An app pins these at build time; fetched here, since the keys were made a moment ago.
  const pinnedKeys = [
    ...(await services.keys.publicKeys('manifest')),
    ...(await services.keys.publicKeys('licence')),
  ];
  const phones: Person[] = [];
  const read = async (file: string) => {
    const bytes = await readFile(file);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('base64url') };
  };
  return {
    stack,
    services,
    pinnedKeys,
    originals: { pose: await read(FILES.pose), selfie: await read(FILES.selfie) },
    phone(user, platform) {
      const phone = personWithPhone({ ...stack, user, pinnedKeys, ...(platform && { platform }) });
      phones.push(phone);
      return phone;
    },
    phones: () => phones,
  };
}
