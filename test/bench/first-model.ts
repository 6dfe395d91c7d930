/** A new user's first model: enrolment, grant, download and opening by both SDKs, in turns, against one local stack. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import { LOCAL_ANDROID_APP } from '../doubles/vendors.ts';
import { startWorker } from '../load/worker.ts';
import { startStack } from '../stack/stack.ts';
import type { Figure } from '../support/figure.ts';
import { median } from '../support/statistics.ts';
import type { FirstModelPhone } from './first-model-phone.ts';

const MODEL_BYTES = 3_000_000;
const [WARM_UP_ROUNDS, ROUNDS] = [15, 25];
const MODEL = 'first';

/** `classPath`: of the tests of modelseal-testing. */
export async function firstModelFigures(classPath: string): Promise<Figure[]> {
  // Dozens of new users from one address are what limits are made to stop.
  const stack = await startStack({
    inMemory: true,
    faultyNetwork: true,
    environment: { GRANTS_PER_NETWORK_MINUTE: '1000000' },
  });
  const module = join(import.meta.dirname, 'first-model-phone.ts');
  const worker = await startWorker<FirstModelPhone>(module);
  try {
    const query = new URLSearchParams({ model: MODEL, version: '1.0.0', format: 'opaque' });
    const body = randomBytes(MODEL_BYTES);
    await fetch(`${stack.development.url}/models?${query}`, { method: 'POST', body });
    const answer = await fetch(`${stack.baseUrl}/v1/keys`);
    const { keys } = (await answer.json()) as { keys: { kid: string; x: string; y: string }[] };
    const urls = { baseUrl: stack.baseUrl, developmentUrl: stack.development.url };
    const appId = LOCAL_ANDROID_APP.packageName;
    const kotlin = startKotlin(classPath, [
      ...[urls.baseUrl, urls.developmentUrl, appId, MODEL],
      ...keys.flatMap(({ kid, x, y }) => [kid, x, y]),
    ]);
    const pinnedKeys = keys.map(
      ({ kid, x, y }): VerificationKey => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }),
    );
    try {
      const times: { ts: number; kotlin: number }[] = [];
      for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
        const [user, other] = [`ts-${round}`, `kotlin-${round}`];
        const token = await stack.token(user);
        const phone = { ...urls, appId, pinnedKeys, model: MODEL, user, token };
        times.push({
          ts: await worker.call('firstModel', phone),
          kotlin: await kotlin.firstModel(other, await stack.token(other)),
        });
      }
      return figures(times.slice(WARM_UP_ROUNDS));
    } finally {
      await kotlin.end();
    }
  } finally {
    await worker.stop();
    await stack.stop();
  }
}

function figures(times: readonly { ts: number; kotlin: number }[]): Figure[] {
  const note = 'p50 of new phones against the local stack: enrolment, grant, 3 MB, opened';
  return [
    {
      name: 'sdk.ts.first_model_ms',
      value: median(times.map(({ ts }) => ts)),
      unit: 'ms',
      note,
    },
    {
      name: 'sdk.kotlin.first_model_ms',
      value: median(times.map(({ kotlin }) => kotlin)),
      unit: 'ms',
      note,
    },
    {
      name: 'sdk.kotlin.first_model_of_ts',
      value: median(times.map(({ ts, kotlin }) => kotlin / ts)),
      unit: '',
      note: "times the TypeScript SDK's, in turns in one run",
    },
  ];
}

/** A JVM that makes a phone for each line that it is given. */
function startKotlin(classPath: string, args: readonly string[]) {
  const main = ['-cp', classPath, 'io.modelseal.bench.FirstModelBenchKt', ...args];
  const child = spawn('java', main, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async firstModel(user: string, token: string): Promise<number> {
      child.stdin.write(`${user} ${token}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the JVM has ended');
      return Number(value.split(' ')[0]);
    },
    async end() {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
