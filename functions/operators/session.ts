/**
 * Sessions of the console. A browser holds a random token in a cookie that no script reads; the
 * database holds its hash, and who signed in when. Roles are not kept: they are the configuration's
 * at each request. A session ends by itself, and signing in anew is the only way to a longer one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import type { TokenVerifier } from '../identity/user-token.ts';
import { fromBase64url, toBase64url } from '../protocol/encoding.ts';
import { type ConsoleSettings, rolesOf } from './console-settings.ts';
import { mayDo, OPERATIONS, type Operation, type Role } from './roles.ts';

/** Firebase Hosting hands on no cookie of another name (https://firebase.google.com/docs/hosting/manage-cache#using_cookies). */
const COOKIE = '__session';
const COOKIE_PATH = '/v1/admin';
const TOKEN_BYTES = 32;
/** From the sign-in at the provider to here: a redirect. */
const MAX_SIGN_IN_AGE_SECONDS = 120;

const read = documentKind(
  'session',
  z.object({ email: z.string(), signedInAt: z.date(), expireAt: z.date() }),
);

export interface OperatorSession {
  readonly email: string;
  readonly roles: readonly Role[];
  readonly signedInAt: Date;
  readonly expiresAt: Date;
  /** Sent along with every change: a page of somebody else has the cookie sent and cannot read this. */
  readonly csrfToken: string;
}

/** What the console goes by; null where there is none. */
export interface ConsoleAccess {
  readonly settings: ConsoleSettings;
  readonly verifyToken: TokenVerifier;
}

const sessionPath = (token: string): string =>
  `sessions/${createHash('sha256').update(token).digest('base64url')}`;

const csrfTokenOf = (token: string): string =>
  createHmac('sha256', token).update('modelseal/1 console csrf').digest('base64url');

/** Somebody with a role, by his provider's word. */
interface Operator {
  readonly email: string;
  readonly roles: readonly Role[];
  readonly signedInAt: Date;
}

/**
 * Whom an ID token of the console's provider names. The token's nonce is the hash of `verifier`, which
 * only the page knows that asked for it: a token alone, out of a log or a history, signs nobody in.
 * Throws token_invalid, role_missing for who has no role, and unavailable.
 */
export async function operatorOf(
  { settings, verifyToken }: ConsoleAccess,
  { idToken, verifier }: { readonly idToken: string; readonly verifier: string },
  now: Date,
): Promise<Operator> {
  const { payload } = await verifyToken(idToken, now);
  const nonce = createHash('sha256').update(verifier).digest('base64url');
  if (payload['nonce'] !== nonce) throw refused('nonce');
  if (payload['email_verified'] !== true) throw refused('email_verified');
  if (payload['hd'] !== settings.hostedDomain) throw refused('hd');
  const ageSeconds = now.getTime() / 1000 - (payload.iat ?? 0);
  if (!(ageSeconds <= MAX_SIGN_IN_AGE_SECONDS)) throw refused('iat');
  const email = String(payload['email']).toLowerCase();
  const roles = rolesOf(settings, email);
  if (roles.length === 0) throw new ServiceError('role_missing', { reason: 'operator_unknown' });
  return { email, roles, signedInAt: signedInAt(payload, now) };
}

export interface SessionServices {
  readonly settings: Pick<ConsoleSettings, 'sessionSeconds'>;
  readonly documents: Pick<DocumentStore, 'create'>;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** A new session, and the header that sets its cookie. */
export async function openSession(
  { documents, settings: { sessionSeconds }, randomBytes }: SessionServices,
  operator: Operator,
  now: Date,
): Promise<{ readonly session: OperatorSession; readonly cookie: string }> {
  const token = toBase64url(randomBytes(TOKEN_BYTES));
  const expiresAt = new Date(now.getTime() + sessionSeconds * 1000);
  const { email, signedInAt } = operator;
  await documents.create(sessionPath(token), { email, signedInAt, expireAt: expiresAt });
  return {
    session: { ...operator, expiresAt, csrfToken: csrfTokenOf(token) },
    cookie: cookieHeader(token, sessionSeconds),
  };
}

/** When somebody last proved who he is: by the provider's word where it gives one, and never later than now. */
function signedInAt(payload: Readonly<Record<string, unknown>>, now: Date): Date {
  const authTime = payload['auth_time'];
  const seconds = typeof authTime === 'number' ? authTime : Number(payload['iat']);
  return new Date(Math.min(seconds * 1000, now.getTime()));
}

/** The session of a request's Cookie header. Throws session_required, and role_missing once its operator has no role any more. */
export async function sessionOf(
  {
    documents,
    settings,
  }: Pick<ConsoleAccess, 'settings'> & { readonly documents: Pick<DocumentStore, 'get'> },
  cookies: string | undefined,
  now: Date,
): Promise<OperatorSession> {
  const token = tokenIn(cookies);
  const data = token && (await documents.get(sessionPath(token)));
  if (!token || !data) throw new ServiceError('session_required');
  const { email, signedInAt, expireAt: expiresAt } = read(data);
  if (expiresAt <= now) throw new ServiceError('session_required', { reason: 'session_ended' });
  const roles = rolesOf(settings, email);
  if (roles.length === 0) throw new ServiceError('role_missing', { reason: 'operator_unknown' });
  return { email, roles, signedInAt, expiresAt, csrfToken: csrfTokenOf(token) };
}

/** Ends the session of a request for good; the header takes the cookie away. */
export async function signOut(
  { documents }: { readonly documents: Pick<DocumentStore, 'delete'> },
  cookies: string | undefined,
): Promise<string> {
  const token = tokenIn(cookies);
  if (token) await documents.delete(sessionPath(token));
  return cookieHeader('', 0);
}

/** Throws role_missing where no role of the session allows the operation, sign_in_again where its sign-in is too old for it. */
export function requireOperation(
  { roles, signedInAt }: OperatorSession,
  operation: Operation,
  { stepUpSeconds }: ConsoleSettings,
  now: Date,
): void {
  if (!mayDo(roles, operation)) throw new ServiceError('role_missing', { reason: operation });
  const ageMs = now.getTime() - signedInAt.getTime();
  if (OPERATIONS[operation].stepUp && !(ageMs <= stepUpSeconds * 1000)) {
    throw new ServiceError('sign_in_again', { reason: operation });
  }
}

/** Throws origin_refused unless the page itself sent this, by the browser's word and by what only the page knows. */
export function requireCsrfToken({ csrfToken }: OperatorSession, sent: string | undefined): void {
  const [expected, given] = [Buffer.from(csrfToken), Buffer.from(sent ?? '')];
  if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) {
    throw new ServiceError('origin_refused', { reason: 'csrf_token' });
  }
}

const cookieText = (token: string): string => `${COOKIE}=${token}`;
const cookieHeader = (token: string, maxAgeSeconds: number): string =>
  `${cookieText(token)}; Path=${COOKIE_PATH}; Max-Age=${maxAgeSeconds}; HttpOnly; Secure; SameSite=Strict`;

/** Undefined where there is none, more than one, or no token of ours. */
function tokenIn(cookies = ''): string | undefined {
  const found = cookies
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each.startsWith(cookieText('')))
    .map((each) => each.slice(cookieText('').length));
  const [token = ''] = found;
  const isToken = found.length === 1 && fromBase64url(token)?.byteLength === TOKEN_BYTES;
  return isToken ? token : undefined;
}

const refused = (claim: string) => new ServiceError('token_invalid', { reason: `token_${claim}` });
