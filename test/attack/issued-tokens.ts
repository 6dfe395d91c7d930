/** Tokens that the identity provider signed: too old, for others, or not where they belong. */
import type { JWTPayload } from 'jose';
import { type Attack, edit, outcomeOf } from './attack.ts';
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
        edit(USER_TOKEN, 'issuer: issuer.issuer,\n          audience', 'audience'),
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
