/** Tokens of users: forged, confused, stretched. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';

const FILE = 'functions/identity/user-token.ts';
const VERIFY = 'const { payload, protectedHeader } = await jwtVerify(token, keysOf(issuer), {';
/** Believes whatever a token says. */
const UNVERIFIED = edit(
  FILE,
  VERIFY,
  'const payload = decodeJwt(token); const protectedHeader = { typ: undefined }; void ({',
);
const ISSUER = 'const issuer = issuers.find(({ issuer }) => issuer === claimedIssuer(token));';
const SIGNED_BY_ISSUER = 'signature by a key of the issuer, in an algorithm of the allow-list';

const listModels = (api: Api, token: string) =>
  outcomeOf(fetch(`${api.baseUrl}/v1/models`, { headers: { Authorization: `Bearer ${token}` } }));

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function claimsFor({ idp }: Api, changes: JWTPayload = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { iss: idp.issuer, aud: idp.audience, sub: 'alice', iat: now, exp: now + 600, ...changes };
}

/** A server of the attacker's with his own key set; says how often it was asked. */
async function attackersIssuer(lab: Lab) {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  lab.atEnd(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, jwk, privateKey, wasAsked: () => asked > 0 };
}

/** A token that the attacker signed with a key of his own, under this header. */
async function selfSigned(
  lab: Lab,
  header: (mine: Awaited<ReturnType<typeof attackersIssuer>>) => Record<string, unknown>,
  claims: (mine: { url: string }) => JWTPayload = () => ({}),
) {
  const api = await lab.api();
  const mine = await attackersIssuer(lab);
  const token = await new SignJWT(claimsFor(api, claims(mine)))
    .setProtectedHeader({ alg: 'ES256', ...header(mine) })
    .sign(mine.privateKey);
  const outcome = await listModels(api, token);
  return outcome !== SUCCEEDED && mine.wasAsked() ? 'the attacker’s server was asked' : outcome;
}

type Claims = Readonly<Record<string, unknown>>;

interface Forgery {
  readonly header?: Claims;
  readonly claims?: Claims | (() => Claims);
}

/** A token that the identity provider itself signed, for other things than calling us. */
const issued =
  ({ header = {}, claims = {} }: Forgery) =>
  async (lab: Lab) => {
    const api = await lab.api();
    const changed = typeof claims === 'function' ? claims() : claims;
    const changes = { header, claims: changed as JWTPayload };
    return listModels(api, await api.idp.token('alice', changes));
  };

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

const refusedToken = (
  name: string,
  tries: string,
  defence: string,
  off: Attack['off'],
  run: Attack['run'],
): Attack => ({ name: `token/${name}`, tries, refused: '401 token_invalid', defence, off, run });

export const tokens: readonly Attack[] = [
  refusedToken(
    'alg-none',
    'an unsigned token, alg none, in the name of another user',
    SIGNED_BY_ISSUER,
    { edits: [UNVERIFIED] },
    async (lab) => {
      const api = await lab.api();
      return listModels(api, `${part({ alg: 'none' })}.${part(claimsFor(api))}.AA`);
    },
  ),
  refusedToken(
    'alg-hs256-public-key',
    'HS256 with the issuer’s public key as the secret',
    SIGNED_BY_ISSUER,
    { edits: [UNVERIFIED] },
    async (lab) => {
      const api = await lab.api();
      const { keys } = (await (await fetch(api.idp.jwksUri)).json()) as { keys: object[] };
      const token = await new SignJWT(claimsFor(api))
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .sign(Buffer.from(JSON.stringify(keys[0])));
      return listModels(api, token);
    },
  ),
  refusedToken(
    'own-key-known-kid',
    'a token signed with one’s own key under the issuer’s kid',
    SIGNED_BY_ISSUER,
    { edits: [UNVERIFIED] },
    (lab) => selfSigned(lab, () => ({ kid: 'k1' })),
  ),
  ...[
    ['kid-path', '../../../../../dev/null'],
    ['kid-sql', "k1' UNION SELECT 'secret' --"],
    ['kid-command', 'k1|curl evil.example'],
  ].map(([name = '', kid]) =>
    refusedToken(
      name,
      `kid ${kid}`,
      'a kid is compared with those of the key set, and nothing else is done with it',
      { edits: [UNVERIFIED] },
      (lab) => selfSigned(lab, () => ({ kid })),
    ),
  ),
  refusedToken(
    'jku-header',
    'a key set of one’s own, named by the token’s jku (also SSRF)',
    'keys come from the configured URL; jku is never followed',
    {
      edits: [
        edit(
          FILE,
          'import { createRemoteJWKSet,',
          'import { decodeProtectedHeader, createRemoteJWKSet,',
        ),
        edit(
          FILE,
          'jwtVerify(token, keysOf(issuer), {',
          'jwtVerify(token, createRemoteJWKSet(new URL(decodeProtectedHeader(token).jku as string)), {',
        ),
      ],
    },
    (lab) => selfSigned(lab, ({ url }) => ({ kid: 'k1', jku: `${url}/jwks` })),
  ),
  refusedToken(
    'jwk-header',
    'the attacker’s public key inside the token’s header',
    'keys come from the configured URL; jwk is never believed',
    {
      edits: [
        edit(FILE, 'import { createRemoteJWKSet,', 'import { EmbeddedJWK, createRemoteJWKSet,'),
        edit(FILE, 'jwtVerify(token, keysOf(issuer), {', 'jwtVerify(token, EmbeddedJWK, {'),
      ],
    },
    (lab) => selfSigned(lab, ({ jwk }) => ({ jwk: { ...jwk, kid: undefined, use: undefined } })),
  ),
  refusedToken(
    'x5u-header',
    'a certificate of one’s own, named by the token’s x5u',
    'keys come from the configured URL; x5u and x5c are never followed',
    { edits: [UNVERIFIED] },
    (lab) => selfSigned(lab, ({ url }) => ({ kid: 'k1', x5u: `${url}/cert.pem` })),
  ),
  refusedToken(
    'issuer-ssrf',
    'a token whose issuer is the attacker’s own server',
    'issuers are a list in the configuration; none is discovered',
    {
      edits: [
        edit(
          FILE,
          ISSUER,
          `${ISSUER.slice(0, -1)} ?? { issuer: claimedIssuer(token) as string, audience: 'modelseal', jwksUri: claimedIssuer(token) + '/jwks', algorithms: ['ES256'] };`,
        ),
      ],
    },
    (lab) =>
      selfSigned(
        lab,
        () => ({ kid: 'k1' }),
        ({ url }) => ({ iss: url }),
      ),
  ),
  {
    name: 'token/jwks-redirect',
    tries: 'a key set endpoint that redirects to the attacker’s (JWKS poisoning)',
    refused: '503 unavailable',
    defence: 'redirects of the key set endpoint are not followed',
    off: {
      edits: [
        edit(FILE, 'import { createRemoteJWKSet,', 'import { customFetch, createRemoteJWKSet,'),
        edit(
          FILE,
          'cooldownDuration: 30_000,',
          "cooldownDuration: 30_000, [customFetch]: (url, options) => fetch(url, { ...options, redirect: 'follow' }),",
        ),
      ],
    },
    async run(lab) {
      const mine = await attackersIssuer(lab);
      const hijacked = createServer((_request, response) =>
        response.writeHead(302, { location: `${mine.url}/jwks` }).end(),
      );
      await new Promise<void>((done) => hijacked.listen(0, '127.0.0.1', done));
      lab.atEnd(() => hijacked.close());
      const iss = 'https://id.example';
      const jwksUri = `http://127.0.0.1:${(hijacked.address() as AddressInfo).port}/jwks`;
      const trusted = { issuer: iss, audience: 'modelseal', jwksUri, algorithms: ['ES256'] };
      const api = await lab.api({ environment: { OIDC_ISSUERS: JSON.stringify([trusted]) } });
      const token = await new SignJWT(claimsFor(api, { iss }))
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(mine.privateKey);
      return listModels(api, token);
    },
  },
  {
    name: 'token/jwks-symmetric',
    tries: 'a symmetric algorithm in the configuration, so that public keys would verify',
    refused: 'ConfigError',
    defence: 'only asymmetric algorithms can be configured',
    off: {
      edits: [
        edit(
          'functions/config.ts',
          "z.enum(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])",
          'z.string()',
        ),
      ],
    },
    async run(lab) {
      const issuer = {
        issuer: 'https://id.example',
        audience: 'a',
        jwksUri: 'https://id.example/k',
      };
      const issuers = JSON.stringify([{ ...issuer, algorithms: ['HS256'] }]);
      return lab.api({ environment: { OIDC_ISSUERS: issuers } }).then(
        () => SUCCEEDED,
        (error: Error) => error.name,
      );
    },
  },
  refusedToken(
    'expired',
    'a token that ended two minutes ago',
    'exp, with a minute for clocks',
    { edits: [edit(FILE, 'const CLOCK_SKEW_SECONDS = 60;', 'const CLOCK_SKEW_SECONDS = 1e9;')] },
    issued({ claims: () => ({ exp: inSeconds(-120) }) }),
  ),
  refusedToken(
    'not-yet',
    'a token that begins in an hour',
    'nbf, with a minute for clocks',
    { edits: [edit(FILE, 'const CLOCK_SKEW_SECONDS = 60;', 'const CLOCK_SKEW_SECONDS = 1e9;')] },
    issued({ claims: () => ({ nbf: inSeconds(3600) }) }),
  ),
  refusedToken(
    'endless',
    'a token without exp',
    'exp is required',
    { edits: [edit(FILE, "requiredClaims: ['exp', 'sub']", "requiredClaims: ['sub']")] },
    issued({ claims: { exp: undefined } }),
  ),
  refusedToken(
    'nobody',
    'a token without sub: everybody’s pseudonym',
    'sub is required and not empty',
    {
      edits: [
        edit(
          FILE,
          "if (typeof payload.sub !== 'string' || payload.sub === '') throw refusal('token_subject');",
        ),
      ],
    },
    issued({ claims: { sub: '' } }),
  ),
  refusedToken(
    'other-audience',
    'a token of the same issuer for another service',
    'aud',
    { edits: [edit(FILE, 'audience: issuer.audience,')] },
    issued({ claims: { aud: 'another-service' } }),
  ),
  refusedToken(
    'other-issuer',
    'a token of the same key in the name of another issuer',
    'iss',
    {
      edits: [
        edit(FILE, ISSUER, 'const [issuer] = issuers;'),
        edit(FILE, 'issuer: issuer.issuer,\n          audience', 'audience'),
      ],
    },
    issued({ claims: { iss: 'https://evil.example' } }),
  ),
  refusedToken(
    'logout-token',
    'a logout token of the same issuer for the same audience, in place of an ID token',
    'typ: another kind of token is none (RFC 8725 section 3.11)',
    {
      edits: [
        edit(FILE, "if (!isUserTokenType(protectedHeader.typ)) throw refusal('token_type');"),
      ],
    },
    issued({ header: { typ: 'logout+jwt' } }),
  ),
  refusedToken(
    'oversized',
    'a genuine token of 9,000 characters',
    'a token has an end',
    { edits: [edit(FILE, '|| token.length > MAX_TOKEN_CHARS')] },
    issued({ claims: { padding: 'x'.repeat(9_000) } }),
  ),
  refusedToken(
    'in-the-url',
    'the token as a query parameter, where logs and proxies would keep it',
    'tokens are taken from the Authorization header alone',
    {
      edits: [
        edit(
          'functions/api/pipeline.ts',
          '.verify(request.headers.authorization, now)',
          ".verify('Bearer ' + new URL(request.url ?? '', 'http://x').searchParams.get('access_token'), now)",
        ),
      ],
    },
    async (lab) => {
      const api = await lab.api();
      const token = await api.idp.token('alice');
      return outcomeOf(fetch(`${api.baseUrl}/v1/models?access_token=${token}`));
    },
  ),
];
