/** Every attack there is. */
import type { Attack } from './attack.ts';
import { tokens } from './tokens.ts';

export const ATTACKS: readonly Attack[] = [...tokens];
