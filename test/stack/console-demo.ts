/**
 * What there is to see in the console of a local stack: models, a user who gets one, and one whom the
 * rules restrict. It is made by the code that makes it in a deployment, but for grants of earlier minutes.
 */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { publishModel } from '../../functions/catalogue/publish-model.ts';
import { rollOut } from '../../functions/catalogue/roll-out.ts';
import { sourceOf } from '../../functions/formats/random-access.ts';
import { ledgerKey } from '../../functions/ledger/ledger-key.ts';
import type { Services } from '../../functions/services.ts';
import { genuineIphone, phoneClient } from '../support/app-phone.ts';
import { FAILED, OPENED, reportOfCrowd } from '../support/crowd-votes.ts';
import type { Stack } from './stack.ts';

const MODELS = ['portrait', 'sky'];
const BLOCKS = 12;
/** Of one phone: what a copy took is told with the next. */
const GRANTS = 8;

/** Gives the key of the user whom the rules block. */
export async function seedConsole(stack: Stack, services: Services): Promise<string> {
  for (const modelId of MODELS) {
    for (const version of ['1.0.0', '1.1.0']) await publish(services, modelId, version);
  }
  await beginRollout(stack, services);
  const clientOf = (subject: string) =>
    phoneClient({
      baseUrl: stack.baseUrl,
      platform: genuineIphone(stack),
      userToken: () => stack.token(subject),
    }).client;
  for (const subject of ['console-alice', 'console-thief']) {
    const client = clientOf(subject);
    for (let n = 0; n < GRANTS; n += 1) await patiently(() => client.grant('portrait'));
  }
  await agedGrants(stack, services);

  const user = services.pseudonyms.user(stack.issuer, 'console-thief');
  const told = { authenticated: 'device', user, appVersion: '1.0.0' } as const;
  for (let n = 0; n < 40; n += 1) {
    const attributes = { reason: 'new_models' };
    await services.emit(
      { ...told, type: 'limit.hit', model: `model-${n}`, attributes },
      services.now(),
    );
  }
  return `user_${user}`;
}

function publish(services: Services, modelId: string, version: string, hold = false) {
  const bytes = randomBytes(40_000);
  const model = { ...sourceOf(bytes), stream: () => Readable.from([bytes]) };
  const request = { modelId, version, owner: null, model, format: 'opaque' as const, hold };
  return publishModel(services, request, services.now());
}

/** A version at 5 % that phones have reported of for twenty minutes, which is as good as the one before. */
async function beginRollout({ runScheduled }: Stack, services: Services): Promise<void> {
  const began = new Date(services.now().getTime() - 20 * 60_000);
  const rollout = { modelId: 'sky', version: '1.2.0' };
  await publish(services, rollout.modelId, rollout.version, true);
  const at = Math.floor(began.getTime() / 1000) + 86_400;
  await rollOut(services, { ...rollout, share: 500, steps: [{ at, share: 2_500 }] }, began);
  for (const version of ['1.1.0', rollout.version]) {
    await reportOfCrowd(services.documents, { modelId: 'sky', version }, began, (n) =>
      n % 50 === 0 ? FAILED : OPENED,
    );
  }
  await runScheduled('rollouts');
}

/** As an app does with an answer that tells it to try again, which a busy machine gives. */
async function patiently<T>(work: () => Promise<T>, tries = 25): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (tries === 1 || (error as { code?: string }).code !== 'unavailable') throw error;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return patiently(work, tries - 1);
  }
}

/** Copies of the grants that were just made, as made over the last minutes, for the worker that keeps the ledger. */
async function agedGrants({ runScheduled }: Stack, { documents, now }: Services): Promise<void> {
  const [grant] = await documents.query({ collection: 'grants', limit: 1 });
  if (!grant) return;
  for (let block = BLOCKS; block > 0; block -= 1) {
    const createdAt = new Date(now().getTime() - (block + 3) * 60_000);
    for (let n = 0; n < 4 + ((block * 7) % 11); n += 1) {
      const grantId = `g_${randomBytes(16).toString('base64url')}`;
      const aged = { grantId, createdAt, ledgerKey: ledgerKey(createdAt, grantId) };
      await documents.create(`grants/${grantId}`, { ...grant.data, ...aged });
    }
    await runScheduled('ledger');
  }
}
