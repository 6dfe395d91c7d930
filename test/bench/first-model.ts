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

/** The provider of JCA that Android has, in place of the JVM's own. */
export const CONSCRYPT = ['-Dconscrypt'];

const MODEL_BYTES = 3_000_000;
const [WARM_UP_ROUNDS, ROUNDS, PROCESSES] = [10, 20, 3];
const MODEL = 'first';
const NOTE = 'of new phones against the local stack: enrolment, grant, 3 MB, opened';

/** A process that makes phones, one after the other. */
interface Phones {
  /** In milliseconds, for a phone of a new user's. */
  firstModel(user: string, token: string): Promise<number>;
  end(): Promise<void>;
}

/** `classPath`: of the tests of modelseal-testing. */
export async function firstModelFigures(classPath: string): Promise<Figure[]> {
  // Dozens of new users from one address are what limits are made to stop.
  const stack = await startStack({
    inMemory: true,
    faultyNetwork: true,
    environment: { GRANTS_PER_NETWORK_MINUTE: '1000000' },
  });
  try {
    const query = new URLSearchParams({ model: MODEL, version: '1.0.0', format: 'opaque' });
    const body = randomBytes(MODEL_BYTES);
    await fetch(`${stack.development.url}/models?${query}`, { method: 'POST', body });
    const answer = await fetch(`${stack.baseUrl}/v1/keys`);
    const { keys } = (await answer.json()) as { keys: { kid: string; x: string; y: string }[] };
    const urls = { baseUrl: stack.baseUrl, developmentUrl: stack.development.url };
    const appId = LOCAL_ANDROID_APP.packageName;
    const args = [urls.baseUrl, urls.developmentUrl, appId, MODEL].concat(
      keys.flatMap(({ kid, x, y }) => [kid, x, y]),
    );
    const pinnedKeys = keys.map(
      ({ kid, x, y }): VerificationKey => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }),
    );
    const clients: Readonly<Record<string, () => Promise<Phones>>> = {
      ts: () => startTypeScript({ ...urls, appId, pinnedKeys, model: MODEL }),
      kotlin: async () => startKotlin([...CONSCRYPT, '-cp', classPath], args),
      kotlin_sunjce: async () => startKotlin(['-cp', classPath], args),
    };
    let users = 0;
    const next = async (phones: Phones) => {
      const user = `user-${users++}`;
      return phones.firstModel(user, await stack.token(user));
    };
    const warm = await inTurns(clients, next, WARM_UP_ROUNDS + ROUNDS);
    // What a user waits for whose app has just started: the first of a process.
    const cold: number[][] = [];
    for (let n = 0; n < PROCESSES; n++) cold.push(...(await inTurns(clients, next, 1)));
    return Object.keys(clients).flatMap((client, i) => figures(client, i, warm, cold));
  } finally {
    await stack.stop();
  }
}

/** Of each round the milliseconds of each client, in new processes. */
async function inTurns(
  clients: Readonly<Record<string, () => Promise<Phones>>>,
  next: (phones: Phones) => Promise<number>,
  rounds: number,
): Promise<number[][]> {
  const started = await Promise.all(Object.values(clients).map((start) => start()));
  try {
    const times: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      const row: number[] = [];
      for (const phones of started) row.push(await next(phones));
      times.push(row);
    }
    return times;
  } finally {
    for (const phones of started) await phones.end();
  }
}

function figures(client: string, at: number, warm: number[][], cold: number[][]): Figure[] {
  const column = (times: number[][], i: number) => times.map((row) => row[i] ?? Number.NaN);
  const measured = warm.slice(WARM_UP_ROUNDS);
  const ts = column(measured, 0);
  const own = column(measured, at);
  return [
    {
      name: `sdk.${client}.first_model_ms`,
      value: median(own),
      unit: 'ms',
      note: `p50 ${NOTE}; the process has done ${WARM_UP_ROUNDS} before`,
    },
    {
      name: `sdk.${client}.first_model_cold_ms`,
      value: median(column(cold, at)),
      unit: 'ms',
      note: `p50 ${NOTE}; the first of its process, which runs already`,
    },
    ...(at === 0
      ? []
      : [
          {
            name: `sdk.${client}.first_model_of_ts`,
            value: median(own.map((ms, i) => ms / (ts[i] ?? Number.NaN))),
            unit: '',
            note: "times the TypeScript SDK's, in turns in one run",
          },
        ]),
  ];
}

async function startTypeScript(
  phone: Omit<Parameters<FirstModelPhone['firstModel']>[0], 'user' | 'token'>,
): Promise<Phones> {
  const module = join(import.meta.dirname, 'first-model-phone.ts');
  const worker = await startWorker<FirstModelPhone>(module);
  return {
    firstModel: (user, token) => worker.call('firstModel', { ...phone, user, token }),
    end: () => worker.stop(),
  };
}

/** A JVM that makes a phone for each line that it is given. */
function startKotlin(options: readonly string[], args: readonly string[]): Phones {
  const main = [...options, 'io.modelseal.bench.FirstModelBenchKt', ...args];
  const child = spawn('java', main, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async firstModel(user, token) {
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
