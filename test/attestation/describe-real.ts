import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { FIXTURES } from './fixtures.ts';

/** A describe whose tests need real material; where that is absent it registers none, and says so. */
export function describeReal(name: string, tests: () => void): void {
  if (existsSync(FIXTURES)) {
    describe(name, tests);
    return;
  }
  console.warn(`NOT RUN: ${name} (${FIXTURES} is absent)`);
  describe(`NOT RUN, for want of ${FIXTURES}: ${name}`, () => {});
}
