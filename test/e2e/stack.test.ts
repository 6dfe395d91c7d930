import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chunksOf } from '../contract/objects.contract.ts';
import { BUCKETS } from '../stack/local-environment.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { tfliteFile } from '../support/tflite-file.ts';

describe('a stack on doubles', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ inMemory: true });
  });
  afterAll(() => stack.stop());

  const modelsOf = async (subject: string): Promise<string> => {
    const headers = { authorization: `Bearer ${await stack.token(subject)}` };
    return (await fetch(`${stack.baseUrl}/v1/models`, { headers })).text();
  };

  it('publishes what appears in the intake bucket, and deletes the plaintext', async () => {
    const { objects } = stack.clients;
    const name = 'smile/1.0.0/smile.tflite';
    const weights = randomBytes(4_096);
    const model = tfliteFile([{ buffer: 1, name: 'w', shape: [1_024] }], [{}, { data: weights }]);
    await objects.write(BUCKETS.intake, name, chunksOf(model.bytes));
    for (let wait = 0; wait < 100 && (await objects.stat(BUCKETS.intake, name)); wait++) {
      await sleep(50);
    }
    expect(await objects.stat(BUCKETS.intake, name)).toBeUndefined();
    expect(await modelsOf('alice')).toContain('smile');
  });

  it('runs what is scheduled, and only that', async () => {
    expect(await stack.runScheduled('sweep')).toBe(200);
    await expect(stack.runScheduled('grant')).rejects.toThrow('not a scheduled function');
  });

  it('lets events reach the score function, and poison the dead letters', async () => {
    await stack.clients.publisher.publish('events', { not: 'an event' });
    const log = (): string => {
      const file = join(stack.logFolder, 'score.log');
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    for (let wait = 0; wait < 100 && !log().includes('dead letters'); wait++) await sleep(50);
    expect(log()).toContain('not_an_event');
  });

  it('starts beside another and ends twice without harm', async () => {
    const other = await startStack({ inMemory: true });
    expect(other.baseUrl).not.toBe(stack.baseUrl);
    await other.stop();
    await other.stop();
    expect(await modelsOf('bob')).toContain('models');
  });
});
