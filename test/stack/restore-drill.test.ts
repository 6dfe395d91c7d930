import { expect, it } from '@jest/globals';
import { findEmulators } from './emulators.ts';
import { restoreDrill } from './restore-drill.ts';
import { startStack } from './stack.ts';

const search = await findEmulators(process.env);

it('a lost database comes back in another one, and what is lost is named', async () => {
  const stack = await startStack();
  try {
    if ('missing' in search) {
      await expect(restoreDrill(stack)).rejects.toThrow('needs the emulators');
      return;
    }
    const steps = await restoreDrill(stack);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect(steps).toHaveLength(7);
    const [, , ...lost] = steps.map(({ detail }) => detail);
    expect(lost.at(-1)).toMatch(/1 of devices.* 1 of grants.* 1 of models/);
  } finally {
    await stack.stop();
  }
}, 180_000);
