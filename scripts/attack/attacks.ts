/** Every attack there is. */
import type { Attack } from './attack.ts';
import { challenges } from './challenges.ts';
import { cloud } from './cloud.ts';
import { connections } from './connections.ts';
import { deliveries } from './deliveries.ts';
import { disclosure } from './disclosure.ts';
import { androidEnrolment } from './enrolment-android.ts';
import { iosEnrolment } from './enrolment-ios.ts';
import { events } from './events.ts';
import { http } from './http.ts';
import { input } from './input.ts';
import { limits } from './limits.ts';
import { models } from './models.ts';
import { parsers } from './parsers.ts';
import { proofs } from './proofs.ts';
import { storageAttacks } from './storage.ts';
import { storedCopies } from './stored-copies.ts';
import { tokens } from './tokens.ts';

export const ATTACKS: readonly Attack[] = [
  ...tokens,
  ...challenges,
  ...proofs,
  ...iosEnrolment,
  ...androidEnrolment,
  ...models,
  ...limits,
  ...input,
  ...connections,
  ...http,
  ...deliveries,
  ...storedCopies,
  ...storageAttacks,
  ...events,
  ...disclosure,
  ...parsers,
  ...cloud,
];
