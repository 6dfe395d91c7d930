/** Every attack there is. */
import type { Attack } from './attack.ts';
import { challenges } from './challenges.ts';
import { cloud } from './cloud.ts';
import { disclosure } from './disclosure.ts';
import { enrolment } from './enrolment.ts';
import { events } from './events.ts';
import { http } from './http.ts';
import { input } from './input.ts';
import { limits } from './limits.ts';
import { models } from './models.ts';
import { parsers } from './parsers.ts';
import { proofs } from './proofs.ts';
import { sealing } from './sealing.ts';
import { storageAttacks } from './storage.ts';
import { tokens } from './tokens.ts';

export const ATTACKS: readonly Attack[] = [
  ...tokens,
  ...challenges,
  ...proofs,
  ...enrolment,
  ...models,
  ...limits,
  ...input,
  ...http,
  ...sealing,
  ...storageAttacks,
  ...events,
  ...disclosure,
  ...parsers,
  ...cloud,
];
