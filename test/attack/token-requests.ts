import { type Attack, outcomeOf } from './attack.ts';
import type { Api } from './lab.ts';

/** What verifies tokens. */
export const USER_TOKEN = 'functions/identity/user-token.ts';
/** Its line that chooses an issuer. */
export const ISSUER =
  'const issuer = issuers.find(({ issuer }) => issuer === claimedIssuer(token));';

/** What becomes of a call with this token. */
export const listModels = (api: Api, token: string) =>
  outcomeOf(fetch(`${api.baseUrl}/v1/models`, { headers: { Authorization: `Bearer ${token}` } }));

/** A token that is refused like every other: why is not told. */
export const refusedToken = (
  name: string,
  tries: string,
  defence: string,
  off: Attack['off'],
  run: Attack['run'],
): Attack => ({ name: `token/${name}`, tries, refused: '401 token_invalid', defence, off, run });
