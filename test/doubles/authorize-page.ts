/** Where operators of a local stack sign in to its console: a page that asks who one is, and for no password. */
import type { JWTPayload } from 'jose';
import { addressOf, OPERATORS, operatorClaims } from '../support/console-access.ts';

const isLoopback = (url: string): boolean => URL.parse(url)?.hostname === '127.0.0.1';

/**
 * The page for an authorization request (OpenID Connect Core section 3.2.2.1) whose answer goes to loopback; undefined for
 * any other. `token` signs for a subject.
 */
export async function authorizePage(
  query: URLSearchParams,
  token: (subject: string, claims: JWTPayload) => Promise<string>,
): Promise<string | undefined> {
  const redirectUri = query.get('redirect_uri') ?? '';
  if (!isLoopback(redirectUri) || query.get('response_type') !== 'id_token') return undefined;
  const claims = { nonce: query.get('nonce'), auth_time: Math.floor(Date.now() / 1000) };
  const links = await Promise.all(
    OPERATORS.map(async (name) => {
      const idToken = await token(name, { ...operatorClaims(name), ...claims });
      const answer = new URLSearchParams({ id_token: idToken, state: query.get('state') ?? '' });
      const href = `${new URL(redirectUri).href}#${answer}`.replaceAll('&', '&amp;');
      return `<li><a href="${href}">${addressOf(name)}</a></li>`;
    }),
  );
  return `<!doctype html><html lang="en"><title>Local sign-in</title>
<meta name="viewport" content="width=device-width"><h1>Who are you?</h1>
<p>The identity provider of this local stack. No deployment takes its word.</p><ul>${links.join('')}</ul></html>`;
}
