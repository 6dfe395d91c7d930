import { rollOut } from '../../functions/catalogue/roll-out.ts';
import { rolloutHealth } from '../../functions/catalogue/rollout-health.ts';
import { tellConsoleCalls } from '../../test/console/http-story.ts';
import { FAILED, OPENED, reportOfCrowd } from '../../test/support/crowd-votes.ts';
import type { Person } from '../../test/support/person.ts';
import { mustBe, type Story } from '../../test/support/story.ts';
import { publish } from '../commands/publish.ts';
import { FILES, type Scene, silent } from './prologue.ts';

const MODEL = 'filter';
const MINUTE_MS = 60_000;

/** A version that goes wrong: to one phone in twenty, halted, and gone for all. */
export async function tellRollout(story: Story, scene: Scene): Promise<void> {
  const { services } = scene;
  // The crowd's reports have to be ten minutes old: the rollout began before the story.
  const began = new Date(Date.now() - 20 * MINUTE_MS);
  const rollout = { modelId: MODEL, version: '2', share: 500 };
  const report = (version: string, saidBy: Parameters<typeof reportOfCrowd>[3]) =>
    reportOfCrowd(services.documents, { modelId: MODEL, version }, began, saidBy);
  let early: Person | undefined;

  await story.step('Version 2 of a filter goes to 5 % of the phones', async () => {
    await publish(services, FILES.selfie, { model: MODEL, version: '1' }, silent);
    await publish(services, FILES.selfie, { model: MODEL, version: '2', hold: true }, silent);
    await rollOut(services, rollout, began);
    let phones = 0;
    for (; !early && phones < 200; phones++) {
      const phone = scene.phone(`early-${phones}`);
      if ((await grantedVersion(phone)) === '2') early = phone;
    }
    mustBe(early !== undefined, 'one of two hundred is among the 5 %');
    return `record ${await serialOf(scene)} signed; of ${phones} phones the last is among them`;
  });

  await story.step('It fails on one phone in five: the rollout is halted', async () => {
    await report('1', (n) => (n % 50 === 0 ? FAILED : OPENED));
    await report('2', (n) => (n % 5 === 0 ? FAILED : OPENED));
    mustBe((await scene.stack.runScheduled('rollouts')) === 200, 'the worker ran');
    const [health] = await rolloutHealth(services.documents, MODEL, ['2']);
    mustBe(health?.halted === true, 'halted');
    mustBe(early !== undefined && (await grantedVersion(early)) === '1', 'the phone is back at 1');
    const { recent, before } = health.signals.failed;
    return (
      `as reported for ${recent.devices} phones with 2 (${recent.bad} failed) and ${before.devices} ` +
      `with 1 (${before.bad}): ${Math.round(health.strength)} times likelier than chance; ` +
      `record ${await serialOf(scene)}, and the phone has version 1`
    );
  });

  await tellConsoleCalls(story, scene.stack, MODEL);
}

interface Claims {
  readonly version: string;
}

/** Which version a phone is given. */
async function grantedVersion(phone: Person): Promise<string> {
  const { manifest } = await phone.client.grant(MODEL);
  const payload = Buffer.from(manifest.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(payload) as Claims).version;
}

async function serialOf({ services }: Scene): Promise<number> {
  const data = await services.documents.get(`models/${MODEL}`);
  const payload = Buffer.from(
    String(data?.['release']).split('.')[1] ?? '',
    'base64url',
  ).toString();
  return (JSON.parse(payload) as { readonly serial: number }).serial;
}
