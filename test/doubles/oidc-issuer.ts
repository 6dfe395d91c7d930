import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { listenOnLoopback } from '../stack/ports.ts';
import { authorizePage } from './authorize-page.ts';

export interface OidcIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  readonly audience: string;
  /** An ID token of ten minutes for this user, with further claims or other values of the usual ones. */
  token(subject: string, claims?: JWTPayload): Promise<string>;
  stop(): Promise<void>;
}

/** The private key with its kid, and the port: users of kept state are known by the issuer's URL. */
interface SavedIssuer {
  readonly port: number;
  readonly key: JWK;
}

const AUDIENCE = 'modelseal';
const TOKEN_SECONDS = 600;

/**
 * An OpenID provider on loopback: discovery (OpenID Connect Discovery section 4), its key set,
 * `POST /token` with `subject=…`, which asks for no password, and `GET /authorize` for operators, which neither does. `file` keeps its key and port.
 */
export async function startOidcIssuer(file?: string): Promise<OidcIssuer> {
  const saved =
    file !== undefined && existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as SavedIssuer)
      : undefined;
  const key = saved?.key ?? (await freshKey());
  const { d: _private, ...publicKey } = key;
  const signingKey = await importJWK(key, 'ES256');

  const token = (subject: string, claims: JWTPayload = {}): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: issuer, aud: AUDIENCE, sub: subject, iat: now, exp: now + TOKEN_SECONDS };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: String(key.kid), typ: 'JWT' })
      .sign(signingKey);
  };

  const answer = async (request: IncomingMessage): Promise<object | string | undefined> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.method === 'GET' && pathname === '/authorize') {
      return authorizePage(searchParams, token);
    }
    switch (`${request.method} ${request.url}`) {
      case 'GET /.well-known/openid-configuration':
        return {
          issuer,
          jwks_uri: `${issuer}/jwks`,
          token_endpoint: `${issuer}/token`,
          authorization_endpoint: `${issuer}/authorize`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        };
      case 'GET /jwks':
        return { keys: [publicKey] };
      case 'POST /token': {
        const subject = new URLSearchParams(await text(request)).get('subject');
        return subject
          ? { id_token: await token(subject), token_type: 'Bearer', expires_in: TOKEN_SECONDS }
          : undefined;
      }
      default:
        return undefined;
    }
  };

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => send(response, body),
      () => send(response, undefined),
    );
  });
  const port = await listenOnLoopback(server, saved?.port);
  const issuer = `http://127.0.0.1:${port}`;
  if (file !== undefined) {
    writeFileSync(file, JSON.stringify({ port, key } satisfies SavedIssuer), { mode: 0o600 });
  }
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    audience: AUDIENCE,
    token,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function freshKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: 'local', alg: 'ES256', use: 'sig' };
}

function send(response: ServerResponse, body: object | string | undefined): void {
  if (typeof body === 'string') {
    response.writeHead(200, { 'content-type': 'text/html', 'x-frame-options': 'DENY' });
    response.end(body);
    return;
  }
  response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body ?? { error: 'invalid_request' }));
}
