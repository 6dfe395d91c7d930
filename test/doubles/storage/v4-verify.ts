/**
 * Verifies V4 signed URLs (https://cloud.google.com/storage/docs/authentication/canonical-requests)
 * as Cloud Storage does.
 */
import { createHash, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they came, still percent-encoded. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface SignedUrlRefusal {
  readonly code:
    | 'AuthenticationRequired'
    | 'MalformedSecurityHeader'
    | 'ExpiredToken'
    | 'SignatureDoesNotMatch';
  readonly message: string;
}

/** What signs by which algorithm; Cloud Storage takes Amazon's name of the second, too, which nobody here sends. */
const ALGORITHMS: Readonly<Record<string, KeyObject['type']>> = {
  'GOOG4-RSA-SHA256': 'public',
  'GOOG4-HMAC-SHA256': 'secret',
};
const DATE = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;
const WEEK_SECONDS = 7 * 24 * 3600;
/** How far a signer's clock may run ahead of ours. */
const SKEW_MS = 15 * 60_000;

/**
 * Undefined for a good request; `keyOf` gives the public key of a service account by its e-mail address,
 * or the secret of an HMAC key by its access ID.
 */
export function verifyV4(
  request: SignedRequest,
  now: Date,
  keyOf: (signer: string) => KeyObject | undefined,
): SignedUrlRefusal | undefined {
  const [path = '', query = ''] = splitOnce(request.target, '?');
  const parameters = parseQuery(query);
  if (!parameters) return malformed('The query is not well-formed.');
  const { algorithm, credential, date, expires, signedHeaders, signature } =
    signingParameters(parameters);
  if (signature === undefined) {
    return { code: 'AuthenticationRequired', message: 'The URL is not signed.' };
  }
  const keyType = ALGORITHMS[algorithm ?? ''];
  if (!algorithm || !keyType) return malformed('X-Goog-Algorithm is not supported.');

  const signedAt = parseDate(date);
  if (signedAt === undefined) return malformed('X-Goog-Date is not well-formed.');
  const expiresSeconds = /^[1-9]\d{0,5}$/.test(expires ?? '') ? Number(expires) : 0;
  if (expiresSeconds === 0 || expiresSeconds > WEEK_SECONDS) {
    return malformed('X-Goog-Expires is not a time of up to seven days.');
  }
  const [signer, ...scope] = (credential ?? '').split('/');
  const [scopeDate, , ...service] = scope;
  if (!signer || scopeDate !== date?.slice(0, 8) || service.join('/') !== 'storage/goog4_request') {
    return malformed('X-Goog-Credential is not well-formed.');
  }
  const names = (signedHeaders ?? '').split(';');
  const sorted = names.every((name, i) => i === 0 || (names[i - 1] as string) < name);
  if (!names.includes('host') || !sorted) {
    return malformed('X-Goog-SignedHeaders is not a sorted list with host in it.');
  }

  const key = keyOf(signer);
  const accepted = hostsOf(request).some((host) => {
    const stringToSign = [
      algorithm,
      date,
      scope.join('/'),
      sha256(canonicalRequest(request, path, parameters, names, host)),
    ].join('\n');
    return key?.type === keyType && isSignedBy(key, scope, stringToSign, signature);
  });
  if (!accepted) {
    return {
      code: 'SignatureDoesNotMatch',
      message: 'The request signature we calculated does not match the signature you provided.',
    };
  }
  if (now.getTime() > signedAt + expiresSeconds * 1000 || now.getTime() < signedAt - SKEW_MS) {
    return { code: 'ExpiredToken', message: 'The provided token has expired.' };
  }
  return undefined;
}

function isSignedBy(
  key: KeyObject,
  scope: readonly string[],
  stringToSign: string,
  signature: string,
): boolean {
  const digits = key.type === 'public' ? 512 : 64;
  if (signature.length !== digits || !/^[0-9a-f]+$/.test(signature)) return false;
  const bytes = Buffer.from(signature, 'hex');
  if (key.type === 'public') return verify('RSA-SHA256', Buffer.from(stringToSign), key, bytes);
  // https://cloud.google.com/storage/docs/authentication/signatures#derive-key
  const hmac = (by: Uint8Array, text: string) => createHmac('sha256', by).update(text).digest();
  const secret = Buffer.concat([Buffer.from('GOOG4'), key.export()]);
  return timingSafeEqual(hmac(scope.reduce<Buffer>(hmac, secret), stringToSign), bytes);
}

function canonicalRequest(
  request: SignedRequest,
  path: string,
  parameters: readonly Parameter[],
  names: readonly string[],
  host: string,
): string {
  const query = parameters
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const headers = names.map((name) => {
    const sent = name === 'host' ? host : [request.headers[name] ?? ''].flat().join(',');
    return `${name}:${sent.trim().replace(/\s+/g, ' ')}\n`;
  });
  const payload = names.includes('x-goog-content-sha256')
    ? String(request.headers['x-goog-content-sha256'])
    : 'UNSIGNED-PAYLOAD';
  return [request.method, path, query, headers.join(''), names.join(';'), payload].join('\n');
}

/** Google's own client signs the host without its port; browsers and curl send it with the port. */
function hostsOf({ headers }: SignedRequest): readonly string[] {
  const host = String(headers['host'] ?? '');
  return [...new Set([host, host.replace(/:\d+$/, '')])];
}

type Parameter = readonly [name: string, value: string];

/** Null where an escape is broken or a name comes twice. */
function parseQuery(query: string): readonly Parameter[] | null {
  try {
    const parameters = query
      .split('&')
      .filter(Boolean)
      .map((pair) => splitOnce(pair, '=').map(decodeURIComponent))
      .map(([name = '', value = '']): Parameter => [name, value]);
    const names = new Set(parameters.map(([name]) => name));
    return names.size === parameters.length ? parameters : null;
  } catch {
    return null;
  }
}

function signingParameters(parameters: readonly Parameter[]) {
  const byName = new Map(parameters);
  return {
    algorithm: byName.get('X-Goog-Algorithm'),
    credential: byName.get('X-Goog-Credential'),
    date: byName.get('X-Goog-Date'),
    expires: byName.get('X-Goog-Expires'),
    signedHeaders: byName.get('X-Goog-SignedHeaders'),
    signature: byName.get('X-Goog-Signature'),
  };
}

/** Milliseconds since 1970, or undefined. */
function parseDate(text: string | undefined): number | undefined {
  const parts = DATE.exec(text ?? '');
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function malformed(message: string): SignedUrlRefusal {
  return { code: 'MalformedSecurityHeader', message };
}
