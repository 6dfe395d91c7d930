/** Every attack there is. */
import type { Attack } from './attack.ts';
import { challenges } from './challenges.ts';
import { enrolment } from './enrolment.ts';
import { http } from './http.ts';
import { input } from './input.ts';
import { proofs } from './proofs.ts';
import { tokens } from './tokens.ts';

export const ATTACKS: readonly Attack[] = [
  ...tokens,
  ...challenges,
  ...proofs,
  ...enrolment,
  ...input,
  ...http,
];
