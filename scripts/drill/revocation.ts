/**
 * The revocation drill: takes back a version, a model, a device and a user, each from a phone that
 * holds a copy, and measures how long it takes until the phone is refused and until it is told to
 * erase its copy.
 */

import { randomBytes } from 'node:crypto';
import { block } from '../../functions/operators/restrict.ts';
import type { Services } from '../../functions/services.ts';
import { ApiError } from '../../sdk/typescript/api/api-error.ts';
import { phoneClient } from '../../test/support/app-phone.ts';
import { publishBytes } from '../../test/support/publish.ts';
import type { VirtualPlatform } from '../../test/virtual-phones/virtual-platform.ts';
import { revoke } from '../commands/accounts.ts';

/** Where the drill is held: a stack, or the functions in this process. */
export interface DrillGround {
  readonly services: Services;
  readonly baseUrl: string;
  readonly token: (user: string) => Promise<string>;
  readonly userId: (user: string) => string;
  readonly platform: () => VirtualPlatform;
}

export interface DrillResult {
  readonly what: string;
  /** From the act to the first refusal, in milliseconds, and its code. */
  readonly refusedAfterMs: number;
  readonly refusedWith: string;
  /** How many more grants were given meanwhile. */
  readonly grantedMeanwhile: number;
  /** From the act to the report whose answer names the copy. */
  readonly erasedAfterMs: number;
}

interface Target {
  readonly model: string;
  readonly userId: string;
  readonly deviceId: string;
}

type Acting = (services: Services, target: Target) => Promise<unknown>;

const ACT = { by: 'drill', reason: 'revocation drill' };

const ACTS: Readonly<Record<string, Acting>> = {
  version: (services, { model }) => revoke(services, { model, version: '1' }, ACT),
  model: (services, { model }) => revoke(services, { model }, ACT),
  'device-retired': (services, { deviceId }) =>
    revoke(services, { kind: 'device', id: deviceId }, ACT),
  'device-blocked': (services, { deviceId }) =>
    block(services, { kind: 'device', id: deviceId }, 1, ACT),
  'user-revoked': (services, { userId }) => revoke(services, { kind: 'user', id: userId }, ACT),
  'user-blocked': (services, { userId }) => block(services, { kind: 'user', id: userId }, 1, ACT),
};

/** Gives up on what has not taken effect after so many attempts. */
const MAX_ATTEMPTS = 50;

export async function revocationDrill(
  ground: DrillGround,
  clock: () => number = () => performance.now(),
): Promise<readonly DrillResult[]> {
  const results: DrillResult[] = [];
  for (const [what, act] of Object.entries(ACTS))
    results.push(await hold(ground, what, act, clock));
  return results;
}

async function hold(
  ground: DrillGround,
  what: string,
  act: Acting,
  clock: () => number,
): Promise<DrillResult> {
  const { services } = ground;
  const run = randomBytes(4).toString('hex');
  const [user, model] = [`drill-${what}-${run}`, `drill-${what}-${run}`];
  for (const version of ['2', '1'])
    await publishBytes(services, model, randomBytes(4_096), { version, format: 'opaque' });
  const { client, refusals } = phone(ground, user, clock);
  const { grantId, deviceId } = await client.grant(model, '1');

  const startedAt = clock();
  await act(services, { model, userId: ground.userId(user), deviceId });
  let grantedMeanwhile = 0;
  while (refusals.length === 0 && grantedMeanwhile < MAX_ATTEMPTS) {
    // A retired device enrols anew by itself and then gets a grant of its own: the refusal counts.
    const granted = await client.grant(model, '1').catch(unlessRefused);
    if (granted && refusals.length === 0) grantedMeanwhile += 1;
  }
  const [first] = refusals;
  if (!first) throw new Error(`${what}: not refused after ${MAX_ATTEMPTS} grants`);
  let erasedAt: number | undefined;
  for (let attempt = 0; erasedAt === undefined && attempt < MAX_ATTEMPTS; attempt += 1) {
    const { erase } = await client.report([], [grantId]);
    if (erase.includes(grantId)) erasedAt = clock();
  }
  if (erasedAt === undefined) throw new Error(`${what}: the copy was never to be erased`);
  return {
    what,
    refusedAfterMs: first.at - startedAt,
    refusedWith: first.code,
    grantedMeanwhile,
    erasedAfterMs: erasedAt - startedAt,
  };
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiError) || error.status === 0 || error.status >= 500) throw error;
}

/** A phone that notes each refusal of a grant, also one that the SDK remedies. */
function phone({ baseUrl, token, platform }: DrillGround, user: string, clock: () => number) {
  const refusals: { readonly code: string; readonly at: number }[] = [];
  const { client } = phoneClient({
    baseUrl,
    userToken: () => token(user),
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (response.status >= 400 && response.status < 500 && String(input).endsWith('/grants')) {
        const { code } = (await response.clone().json()) as { readonly code: string };
        refusals.push({ code, at: clock() });
      }
      return response;
    },
    platform: platform(),
  });
  return { client, refusals };
}
