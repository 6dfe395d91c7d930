/** A function's process, under the Functions Framework, is ended with events under way: none is lost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recoverEvents } from '../../scripts/commands/recover-events.ts';
import { type PubsubDouble, startPubsubDouble } from '../doubles/pubsub-double.ts';
import { freePort, untilListening } from '../stack/ports.ts';
import { type Stack, startStack } from '../stack/stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const REQUESTS = 20;
const PERMISSION_DENIED = 7;

let stack: Stack;
const children: ChildProcess[] = [];
beforeAll(async () => {
  stack = await startStack({ inMemory: true });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stack.stop();
});

/** The challenge function, which has no outbox, with this Pub/Sub. */
async function startFunction(pubsub: PubsubDouble) {
  const framework = createRequire(import.meta.url).resolve('@google-cloud/functions-framework');
  const port = await freePort();
  const child = spawn(process.execPath, [join(framework, '../main.js')], {
    cwd: ROOT,
    env: {
      ...stack.environment,
      PUBSUB_ENDPOINT: pubsub.url,
      FUNCTION_SOURCE: ROOT,
      FUNCTION_TARGET: 'challenge',
      PORT: String(port),
    },
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await untilListening(port, { name: 'challenge', timeoutMs: 25_000 });
  return { child, url: `http://127.0.0.1:${port}/v1/challenges`, ended, output: () => output };
}

/** As many requests as there are users, ended in the middle: the statuses of the answers. */
async function endInTheMiddle(
  { child, url, ended }: Awaited<ReturnType<typeof startFunction>>,
  pubsub: PubsubDouble,
) {
  const requests = Array.from({ length: REQUESTS }, async (_, i) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await stack.token(`user-${i}`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ purpose: 'model.grant' }),
    });
    return response.status;
  });
  const answered = Promise.all(requests);
  while (pubsub.calls() < REQUESTS) await sleep(5);
  child.kill('SIGTERM');
  return { statuses: new Set(await answered), code: await ended };
}

const usersOf = (messages: readonly unknown[]) =>
  new Set(messages.map((message) => (message as { user: { string: string } }).user.string));

describe('SIGTERM', () => {
  it('lets answers and events that are under way arrive', async () => {
    const pubsub = await startPubsubDouble(700);
    const process = await startFunction(pubsub);
    const { statuses, code } = await endInTheMiddle(process, pubsub);
    pubsub.stop();
    expect({ statuses, code }).toEqual({ statuses: new Set([201]), code: 0 });
    expect(usersOf(pubsub.taken).size).toBe(REQUESTS);
  });

  it('leaves in the log, whole, what Pub/Sub refuses to take', async () => {
    const pubsub = await startPubsubDouble(200, PERMISSION_DENIED);
    const process = await startFunction(pubsub);
    const { statuses, code } = await endInTheMiddle(process, pubsub);
    pubsub.stop();
    expect({ statuses, code }).toEqual({ statuses: new Set([201]), code: 0 });
    const recovered: unknown[] = [];
    const publisher = { publish: async (_: string, data: unknown) => void recovered.push(data) };
    expect(await recoverEvents(process.output(), publisher)).toEqual({
      recovered: REQUESTS,
      unreadable: 0,
    });
    expect(usersOf(recovered).size).toBe(REQUESTS);
  });
});
