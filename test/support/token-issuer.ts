import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** An identity provider for tests: a key set over loopback HTTP, and tokens of any shape. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
  /** A good token of this user, or one that differs in the given claims, header or key. */
  token(
    subject: string,
    changes?: {
      readonly claims?: JWTPayload;
      readonly header?: Readonly<Record<string, unknown>>;
      readonly key?: CryptoKey;
    },
  ): Promise<string>;
  close(): Promise<void>;
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const server: Server = createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const audience = 'modelseal';

  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    audience,
    token(subject, { claims = {}, header = {}, key = privateKey } = {}) {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({
        iss: issuer,
        aud: audience,
        sub: subject,
        iat: now,
        exp: now + 600,
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header })
        .sign(key);
    },
    close: () => new Promise((done) => server.close(() => done())),
  };
}
