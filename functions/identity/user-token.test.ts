import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { startTokenIssuer, type TokenIssuer } from '../../test/support/token-issuer.ts';
import { createUserTokens, type UserTokens } from './user-token.ts';

let idp: TokenIssuer;
let tokens: UserTokens;
const NOW = new Date();
const seconds = (offset: number) => Math.floor(NOW.getTime() / 1000) + offset;

beforeAll(async () => {
  idp = await startTokenIssuer();
  tokens = createUserTokens([
    { issuer: idp.issuer, audience: idp.audience, jwksUri: idp.jwksUri, algorithms: ['ES256'] },
  ]);
});
afterAll(() => idp.close());

const refusal = (reason: string) => expect.objectContaining({ code: 'token_invalid', reason });

describe('createUserTokens', () => {
  it('names the user of a good token', async () => {
    const token = await idp.token('alice');
    await expect(tokens.verify(`Bearer ${token}`, NOW)).resolves.toEqual({
      issuer: idp.issuer,
      subject: 'alice',
    });
  });

  it('lets clocks differ by a minute and no more', async () => {
    const late = await idp.token('alice', { claims: { exp: seconds(-50) } });
    await expect(tokens.verify(`Bearer ${late}`, NOW)).resolves.toBeDefined();
    const over = await idp.token('alice', { claims: { exp: seconds(-70) } });
    await expect(tokens.verify(`Bearer ${over}`, NOW)).rejects.toEqual(refusal('token_expired'));
    const early = await idp.token('alice', { claims: { nbf: seconds(70) } });
    await expect(tokens.verify(`Bearer ${early}`, NOW)).rejects.toEqual(refusal('token_nbf'));
  });

  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic YWxpY2U6eA=='],
    ['no token', 'Bearer '],
    ['a token in two parts', 'Bearer a.b'],
    ['a token that is too long', `Bearer ${'a'.repeat(9000)}.b.c`],
  ])('refuses %s', async (_, authorization) => {
    await expect(tokens.verify(authorization, NOW)).rejects.toEqual(refusal('token_missing'));
  });

  it('refuses a token that is no JWT, or of an unknown issuer', async () => {
    await expect(tokens.verify('Bearer a.b.c', NOW)).rejects.toEqual(refusal('token_issuer'));
    const foreign = await idp.token('alice', { claims: { iss: 'https://evil.example' } });
    await expect(tokens.verify(`Bearer ${foreign}`, NOW)).rejects.toEqual(refusal('token_issuer'));
  });

  it('refuses a token for another audience, without end, or without subject', async () => {
    const audience = await idp.token('alice', { claims: { aud: 'another-app' } });
    await expect(tokens.verify(`Bearer ${audience}`, NOW)).rejects.toEqual(refusal('token_aud'));
    const endless = await idp.token('alice', { claims: { exp: undefined } as never });
    await expect(tokens.verify(`Bearer ${endless}`, NOW)).rejects.toEqual(refusal('token_exp'));
    const nobody = await idp.token('', {});
    await expect(tokens.verify(`Bearer ${nobody}`, NOW)).rejects.toEqual(refusal('token_subject'));
  });

  it.each(['logout+jwt', 'secevent+jwt', 'application/dpop+jwt'])(
    'refuses another kind of token, %s, of the same issuer',
    async (typ) => {
      const other = await idp.token('alice', { header: { typ } });
      await expect(tokens.verify(`Bearer ${other}`, NOW)).rejects.toEqual(refusal('token_type'));
    },
  );

  it.each(['JWT', 'at+jwt', 'application/at+JWT'])('takes one of type %s', async (typ) => {
    const good = await idp.token('alice', { header: { typ } });
    await expect(tokens.verify(`Bearer ${good}`, NOW)).resolves.toBeDefined();
  });

  it.each([
    ['half a surrogate pair', 'al\ud800ice'],
    ['more characters than a subject has', 'a'.repeat(256)],
    ['a number', 7 as never],
  ])('refuses a subject of %s', async (_, sub) => {
    const token = await idp.token('alice', { claims: { sub } });
    await expect(tokens.verify(`Bearer ${token}`, NOW)).rejects.toEqual(refusal('token_subject'));
  });

  it('takes an authorised party that is another client of the app, and none of a shared token but us', async () => {
    const verdict = async (claims: JWTPayload) =>
      tokens.verify(`Bearer ${await idp.token('alice', { claims })}`, NOW).then(
        () => 'taken',
        (error: { reason: string }) => error.reason,
      );
    const shared = { aud: [idp.audience, 'another-app'] };
    expect(await verdict({ azp: 'android-client' })).toBe('taken');
    expect(await verdict({ ...shared, azp: idp.audience })).toBe('taken');
    expect(await verdict({ ...shared, azp: 'another-app' })).toBe('token_azp');
    expect(await verdict(shared)).toBe('token_azp');
    expect(await verdict({ azp: 'a\udfff' })).toBe('token_azp');
    expect(await verdict({ azp: 5 as never })).toBe('token_azp');
  });

  it.each([
    ['ends in years', { exp: 32_503_680_000 }, 'token_exp'],
    ['ends at an instant that no date has', { exp: 1e300 }, 'token_exp'],
    ['was issued in the future', { iat: seconds(3600) }, 'token_iat'],
    ['was issued before there was time', { iat: -1 }, 'token_iat'],
    ['has lived for years', { iat: 1 }, 'token_iat'],
    ['was issued after its end', { iat: seconds(50), exp: seconds(-50) }, 'token_iat'],
    ['begins before there was time', { nbf: -1e300 }, 'token_nbf'],
    ['tells its issue in words', { iat: 'now' as never }, 'token_iat'],
  ])('refuses a token that %s', async (_, claims, reason) => {
    const token = await idp.token('alice', { claims });
    await expect(tokens.verify(`Bearer ${token}`, NOW)).rejects.toEqual(refusal(reason));
  });

  it('refuses alg none', async () => {
    const unsigned = new UnsecuredJWT({ sub: 'alice' })
      .setIssuer(idp.issuer)
      .setAudience(idp.audience)
      .setExpirationTime('5m')
      .encode();
    await expect(tokens.verify(`Bearer ${unsigned}x`, NOW)).rejects.toEqual(
      refusal('token_signature'),
    );
    await expect(tokens.verify(`Bearer ${unsigned}`, NOW)).rejects.toEqual(
      refusal('token_missing'),
    );
  });

  it('refuses a signature by another key, also one that the token brings along', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const forged = await idp.token('alice', { key: privateKey });
    await expect(tokens.verify(`Bearer ${forged}`, NOW)).rejects.toEqual(
      refusal('token_signature'),
    );
    const jwk = await crypto.subtle.exportKey('jwk', publicKey as never);
    const jku = `${idp.issuer}/other`;
    const embedded = await idp.token('alice', { key: privateKey, header: { jwk, jku } });
    await expect(tokens.verify(`Bearer ${embedded}`, NOW)).rejects.toEqual(
      refusal('token_signature'),
    );
  });

  it('refuses an HMAC keyed with the public key', async () => {
    const jwks = await (await fetch(idp.jwksUri)).text();
    const confused = await new SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setIssuer(idp.issuer)
      .setAudience(idp.audience)
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode(jwks));
    await expect(tokens.verify(`Bearer ${confused}`, NOW)).rejects.toEqual(
      refusal('token_signature'),
    );
  });

  it('says unavailable, not invalid, where the key set cannot be had', async () => {
    const unreachable = createUserTokens([
      {
        issuer: idp.issuer,
        audience: idp.audience,
        jwksUri: 'http://127.0.0.1:9/jwks',
        algorithms: ['ES256'],
      },
    ]);
    await expect(unreachable.verify(`Bearer ${await idp.token('alice')}`, NOW)).rejects.toEqual(
      expect.objectContaining({ code: 'unavailable', retryAfterSeconds: 5 }),
    );
  });
});
