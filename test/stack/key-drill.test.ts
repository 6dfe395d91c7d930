import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { keyDrill } from './key-drill.ts';
import { type Stack, startStack } from './stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ inMemory: true });
}, 120_000);
afterAll(() => stack.stop());

it('keys and names are rotated while an app of before works and a blocked user stays blocked', async () => {
  const steps = await keyDrill(stack);
  expect(steps.map(({ step }) => step.split(':')[0])).toEqual([
    'an app is installed that pins what signs and what is announced',
    'version 3 of both keys is made in Cloud KMS',
    ...['announce', 'sign', 'retire'],
    ...['announce', 'sign', 'retire'],
  ]);
  for (const { checked } of steps) {
    expect(checked).toContain('a blocked user stays blocked');
    expect(checked.join()).toMatch(/renews and opens its oldest copy, by licence\.[12]/);
  }
}, 120_000);
