/** Operators in tests: what configures the console, and their way in. */
import { createHash, randomBytes } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { TokenIssuer } from './token-issuer.ts';

export const CONSOLE_ORIGIN = 'https://console.example';
const CONSOLE_AUDIENCE = 'console';
const CONSOLE_DOMAIN = 'example.org';
/** One operator a role; `nobody` has none. */
export const OPERATORS = ['viewer', 'analyst', 'operator', 'publisher'] as const;

export const addressOf = (name: string): string => `${name}@${CONSOLE_DOMAIN}`;

interface Provider {
  readonly issuer: string;
  readonly jwksUri: string;
}

/** The variable CONSOLE for a provider on loopback. */
export const consoleEnvironment = (
  { issuer, jwksUri }: Provider,
  origin = CONSOLE_ORIGIN,
): Readonly<Record<string, string>> => ({
  CONSOLE: JSON.stringify({
    origin,
    issuer: { issuer, audience: CONSOLE_AUDIENCE, jwksUri, algorithms: ['ES256'] },
    authorizationEndpoint: `${issuer}/authorize`,
    hostedDomain: CONSOLE_DOMAIN,
    operators: Object.fromEntries(OPERATORS.map((role) => [addressOf(role), [role]])),
  }),
});

/** What is told of an operator in a good token; without the nonce. */
export const operatorClaims = (name: string): JWTPayload => ({
  aud: CONSOLE_AUDIENCE,
  email: addressOf(name),
  email_verified: true,
  hd: CONSOLE_DOMAIN,
});

export interface OperatorClient {
  /** A request of the console's page; rejects on no status. */
  call(method: string, path: string, body?: object, headers?: HeadersInit): Promise<Response>;
  readonly session: { readonly csrfToken: string; readonly operations: readonly string[] };
  readonly cookie: string;
}

/** The answer to a sign-in with these claims, by a page of this origin. */
export async function askSignIn(
  baseUrl: string,
  idp: Pick<TokenIssuer, 'token'>,
  name: string,
  changes: {
    readonly claims?: JWTPayload;
    readonly verifier?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
  origin = CONSOLE_ORIGIN,
): Promise<Response> {
  const verifier = randomBytes(32).toString('base64url');
  const nonce = createHash('sha256').update(verifier).digest('base64url');
  const claims = { ...operatorClaims(name), nonce, ...changes.claims };
  const idToken = await idp.token(`subject-of-${name}`, { claims });
  return fetch(`${baseUrl}/v1/admin/sessions`, {
    method: 'POST',
    headers: { ...ownPage(origin), 'content-type': 'application/json', ...changes.headers },
    body: JSON.stringify({ idToken, verifier: changes.verifier ?? verifier }),
  });
}

/** What a browser says of a request of the page itself. */
const ownPage = (origin: string) => ({ origin, 'sec-fetch-site': 'same-origin' });

/** Signs an operator in. */
export async function operatorClient(
  baseUrl: string,
  idp: Pick<TokenIssuer, 'token'>,
  name: string,
  claims: JWTPayload = {},
  origin = CONSOLE_ORIGIN,
): Promise<OperatorClient> {
  const response = await askSignIn(baseUrl, idp, name, { claims }, origin);
  if (response.status !== 201) throw new Error(`not signed in: ${await response.text()}`);
  const cookie = (response.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  const session = (await response.json()) as OperatorClient['session'];
  return {
    session,
    cookie,
    call: (method, path, body, headers = {}) =>
      fetch(`${baseUrl}${path}`, {
        method,
        headers: {
          ...ownPage(origin),
          cookie,
          'x-csrf-token': session.csrfToken,
          ...(body && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
  };
}
