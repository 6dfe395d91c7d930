/** Tokens that the identity provider signed: too old, for others, or not where they belong. */
import { exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type * as keySets from '../../functions/identity/issuer-keys.ts';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Lab } from './lab.ts';
import { ISSUER, listModels, refusedToken, USER_TOKEN } from './token-requests.ts';

const ANY_TIME = edit(
  USER_TOKEN,
  'const CLOCK_SKEW_SECONDS = 60;',
  'const CLOCK_SKEW_SECONDS = 1e9;',
);

type Claims = Readonly<Record<string, unknown>>;

interface Forgery {
  readonly header?: Claims;
  readonly claims?: Claims | (() => Claims);
}

/** A call with a token like this from the identity provider itself. */
const issued =
  ({ header = {}, claims = {} }: Forgery) =>
  async (lab: Lab) => {
    const api = await lab.api();
    const changed = typeof claims === 'function' ? claims() : claims;
    const changes = { header, claims: changed as JWTPayload };
    return listModels(api, await api.idp.token('alice', changes));
  };

const ISSUER_KEYS = 'functions/identity/issuer-keys.ts';
const MINUTE_MS = 60_000;

/** A key that its issuer has withdrawn signs on: what the token is worth so many minutes later. */
const withdrawnKey = (
  attack: Pick<Attack, 'name' | 'tries' | 'refused' | 'defence' | 'off'>,
  minutes: number,
  issuerThen: () => Response,
): Attack => ({
  ...attack,
  async run(lab) {
    const { issuerKeys } = await lab.load<typeof keySets>(ISSUER_KEYS);
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = [{ ...(await exportJWK(publicKey)), kid: 'dead', alg: 'ES256' }];
    let time = Date.now();
    let answer = () => Response.json({ keys });
    const keyOf = issuerKeys(
      'https://id.example/jwks',
      () => time,
      async () => answer(),
    );
    const token = await new SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'ES256', kid: 'dead' })
      .sign(privateKey);
    await jwtVerify(token, keyOf);
    answer = issuerThen;
    // Asked all the time, so that an answer from memory might renew it.
    for (let minute = 0; minute < minutes; minute += 1) {
      time += MINUTE_MS;
      await jwtVerify(token, keyOf).catch(() => undefined);
    }
    return jwtVerify(token, keyOf).then(
      () => SUCCEEDED,
      (error: Error) => error.name,
    );
  },
});

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

export const issuedTokens: readonly Attack[] = [
  refusedToken(
    'expired',
    'a token that ended two minutes ago',
    'exp, with a minute for clocks',
    { edits: [ANY_TIME] },
    issued({ claims: () => ({ exp: inSeconds(-120) }) }),
  ),
  refusedToken(
    'not-yet',
    'a token that begins in an hour',
    'nbf, with a minute for clocks',
    { edits: [ANY_TIME] },
    issued({ claims: () => ({ nbf: inSeconds(3600), exp: inSeconds(7200) }) }),
  ),
  refusedToken(
    'endless',
    'a token without exp',
    'exp is required',
    {
      edits: [
        edit(USER_TOKEN, 'requireSaneTimes(payload, now);'),
        edit(USER_TOKEN, "requiredClaims: ['exp', 'sub']", "requiredClaims: ['sub']"),
      ],
    },
    issued({ claims: { exp: undefined } }),
  ),
  refusedToken(
    'nobody',
    'a token without sub: everybody’s pseudonym',
    'sub is required and not empty',
    {
      edits: [edit(USER_TOKEN, "if (!isName(payload.sub)) throw refusal('token_subject');")],
    },
    issued({ claims: { sub: '' } }),
  ),
  refusedToken(
    'other-audience',
    'a token of the same issuer for another service',
    'aud',
    { edits: [edit(USER_TOKEN, 'audience: issuer.audience,')] },
    issued({ claims: { aud: 'another-service' } }),
  ),
  refusedToken(
    'other-issuer',
    'a token of the same key in the name of another issuer',
    'iss',
    {
      edits: [
        edit(USER_TOKEN, ISSUER, 'const [issuer] = issuers;'),
        edit(USER_TOKEN, 'issuer: issuer.issuer,\n        audience', 'audience'),
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
        edit(USER_TOKEN, "if (!isUserTokenType(protectedHeader.typ)) throw refusal('token_type');"),
      ],
    },
    issued({ header: { typ: 'logout+jwt' } }),
  ),
  refusedToken(
    'half-surrogate',
    'a subject that differs from another’s in half a surrogate pair alone',
    'a subject is text that is the same in every encoding',
    { edits: [edit(USER_TOKEN, 'value.isWellFormed()', 'true')] },
    issued({ claims: { sub: 'al\ud800ice' } }),
  ),
  refusedToken(
    'shared-audience',
    'a token for another app of the same issuer that names us beside it',
    'of a token for several audiences we are the authorised party',
    { edits: [edit(USER_TOKEN, 'requireParty(payload, issuer.audience);')] },
    issued({ claims: { aud: ['modelseal', 'another-app'], azp: 'another-app' } }),
  ),
  refusedToken(
    'thousand-years',
    'a token that ends in a thousand years',
    'a token lives for a month at most',
    { edits: [edit(USER_TOKEN, 'requireSaneTimes(payload, now);')] },
    issued({ claims: { exp: 33_000_000_000 } }),
  ),
  withdrawnKey(
    {
      name: 'token/jwks-outage',
      tries: 'an outage of the key set, kept up so that a key that was withdrawn lives on',
      refused: 'IssuerKeysUnreachable',
      defence: 'what an issuer published last is good for an hour, and no answer makes it longer',
      off: {
        edits: [edit(ISSUER_KEYS, 'const STALE_MS = 60 * 60_000;', 'const STALE_MS = 1e15;')],
      },
    },
    61,
    () => new Response(null, { status: 503 }),
  ),
  withdrawnKey(
    {
      name: 'token/withdrawn-key',
      tries: 'a key that the issuer has withdrawn while it answers',
      refused: 'JWKSNoMatchingKey',
      defence: 'the key set is asked for anew every ten minutes',
      off: {
        edits: [
          edit(ISSUER_KEYS, 'const FRESH_MS = 10 * 60_000;', 'const FRESH_MS = 1e15;'),
          edit(ISSUER_KEYS, 'const STALE_MS = 60 * 60_000;', 'const STALE_MS = 1e15;'),
        ],
      },
    },
    11,
    () => Response.json({ keys: [] }),
  ),
  refusedToken(
    'oversized',
    'a genuine token of 9,000 characters',
    'a token has an end',
    { edits: [edit(USER_TOKEN, '|| token.length > MAX_TOKEN_CHARS')] },
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
          'identify(request.headers,',
          "identify({ authorization: 'Bearer ' + new URL(request.url ?? '', 'http://x').searchParams.get('access_token') },",
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
