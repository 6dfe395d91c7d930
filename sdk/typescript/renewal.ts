import type { Licence } from '../../functions/protocol/licence.ts';

/**
 * When a copy's licence is to be renewed: between 60 and 80 per cent of its life, in milliseconds since
 * 1970; fixed for a copy by its grant's random id.
 */
export function renewalDueAt({ grantId, nbf, exp }: Licence): number {
  let spread = 0;
  for (const character of grantId) spread = (spread * 31 + character.charCodeAt(0)) % 1000;
  return (nbf + (exp - nbf) * (0.6 + (0.2 * spread) / 1000)) * 1000;
}
