import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createUserTokens } from '../../functions/identity/user-token.ts';
import { startOidcIssuer } from './oidc-issuer.ts';

describe('the local OIDC issuer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-issuer-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('mints tokens that the functions accept, by discovery and by their own check', async () => {
    const issuer = await startOidcIssuer();
    const discovered = await fetch(`${issuer.issuer}/.well-known/openid-configuration`);
    const { jwks_uri } = (await discovered.json()) as { jwks_uri: string };
    const token = await issuer.token('alice', { email_verified: true });
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks_uri)), {
      issuer: issuer.issuer,
      audience: issuer.audience,
    });
    expect(payload).toMatchObject({ sub: 'alice', email_verified: true });

    const users = createUserTokens([{ ...issuer, algorithms: ['ES256'] }]);
    const user = await users.verify(`Bearer ${token}`, new Date());
    expect(user).toEqual({ issuer: issuer.issuer, subject: 'alice' });
    const stale = await issuer.token('alice', { exp: 1 });
    await expect(users.verify(`Bearer ${stale}`, new Date())).rejects.toThrow('token_invalid');
    await issuer.stop();
  });

  it('gives tokens over HTTP, never without a subject, and never its private key', async () => {
    const issuer = await startOidcIssuer();
    const ask = (body: string) => fetch(`${issuer.issuer}/token`, { method: 'POST', body });
    expect(await (await ask('subject=bob')).json()).toMatchObject({ token_type: 'Bearer' });
    expect((await ask('')).status).toBe(404);
    const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: readonly object[] };
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toHaveProperty('d');
    await issuer.stop();
  });

  it('is the same issuer with the same key after a restart', async () => {
    const file = join(folder, 'issuer.json');
    const first = await startOidcIssuer(file);
    const token = await first.token('alice');
    await first.stop();
    const second = await startOidcIssuer(file);
    expect(second.issuer).toBe(first.issuer);
    await jwtVerify(token, createRemoteJWKSet(new URL(second.jwksUri)));
    await second.stop();
  });
});
