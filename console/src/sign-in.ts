/**
 * The way to a session: by the identity provider, which sends an ID token back in the fragment. What
 * is kept on the way is no token: the verifier, whose hash the token has to repeat, and where to go on.
 */
import { api, type Session } from './api.ts';

const VERIFIER = 'sign-in-verifier';
const STATE = 'sign-in-state';
const RETURN_TO = 'sign-in-return';

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Leaves for the provider; comes back to the page that was open. */
export async function startSignIn(email?: string): Promise<void> {
  const { authorizationEndpoint, clientId, hostedDomain } = await api.get<{
    readonly authorizationEndpoint: string;
    readonly clientId: string;
    readonly hostedDomain: string;
  }>('sign-in');
  const [verifier, state] = [random(), random()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  sessionStorage.setItem(VERIFIER, verifier);
  sessionStorage.setItem(STATE, state);
  sessionStorage.setItem(RETURN_TO, location.hash);
  const url = new URL(authorizationEndpoint);
  url.search = new URLSearchParams({
    response_type: 'id_token',
    client_id: clientId,
    redirect_uri: `${location.origin}/`,
    scope: 'openid email',
    nonce: base64url(new Uint8Array(digest)),
    state,
    hd: hostedDomain,
    ...(email ? { login_hint: email, prompt: 'login' } : { prompt: 'select_account' }),
  }).toString();
  location.assign(url);
}

/** The session of somebody who comes back from the provider; undefined where nobody does. */
export async function finishSignIn(): Promise<Session | undefined> {
  const answer = new URLSearchParams(location.hash.slice(1));
  if (!answer.has('id_token') && !answer.has('error')) return undefined;
  const [verifier, state] = [VERIFIER, STATE].map((name) => sessionStorage.getItem(name) ?? '');
  const returnTo = sessionStorage.getItem(RETURN_TO) ?? '';
  for (const name of [VERIFIER, STATE, RETURN_TO]) sessionStorage.removeItem(name);
  // The token is in the address as short a time as can be, and in no history.
  history.replaceState(null, '', `/${returnTo}`);
  if (state === '' || answer.get('state') !== state)
    throw new Error('This sign-in was not asked for here.');
  const idToken = answer.get('id_token');
  if (!idToken) throw new Error('The provider did not sign you in.');
  return api.openSession(idToken, verifier ?? '');
}
