/**
 * V4 signed URLs of Cloud Storage by an HMAC key
 * (https://cloud.google.com/storage/docs/authentication/canonical-requests). What signs is not the key's
 * secret but what is derived from it for one day: https://cloud.google.com/storage/docs/authentication/signatures#derive-key.
 */
import { createHash, createHmac } from 'node:crypto';

/** An HMAC key of a service account, as Cloud Storage gives it once. */
export interface HmacKey {
  readonly accessId: string;
  readonly secret: string;
}

/** Signs what is dated that day and nothing else; the secret does not follow from it. */
export interface UrlDayKey {
  readonly accessId: string;
  /** The day in UTC, such as `20261127`. */
  readonly day: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

const ALGORITHM = 'GOOG4-HMAC-SHA256';
/** Of place, service and form; any place does for a signed URL. */
const SCOPE = ['auto', 'storage', 'goog4_request'] as const;
const WEEK_SECONDS = 7 * 24 * 3600;

/** The day of a time in UTC, such as `20261127`. */
export const urlDay = (time: Date): string => basicTime(time).slice(0, 8);

/** @param day as of {@link urlDay} */
export const deriveDayKey = ({ accessId, secret }: HmacKey, day: string): UrlDayKey => ({
  accessId,
  day,
  key: [day, ...SCOPE].reduce<Uint8Array>(hmac, Buffer.from(`GOOG4${secret}`)),
});

export interface SignedObject {
  /** `https://storage.googleapis.com`, or a local one. */
  readonly origin: string;
  readonly bucket: string;
  readonly name: string;
}

/**
 * A URL for one GET of the object from `now` until `expiresAt`. Throws RangeError for another day than the
 * key's, and for a life that Cloud Storage would refuse.
 */
export function signedReadUrl(
  { accessId, day, key }: UrlDayKey,
  { origin, bucket, name }: SignedObject,
  now: Date,
  expiresAt: Date,
): string {
  const time = basicTime(now);
  const seconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000);
  if (time.slice(0, 8) !== day) throw new RangeError('the key is of another day');
  if (seconds < 1 || seconds > WEEK_SECONDS)
    throw new RangeError('a life of no second, or of weeks');
  const scope = [day, ...SCOPE].join('/');
  const path = `/${[bucket, ...name.split('/')].map(encoded).join('/')}`;
  // In the order of their names, as the canonical request has them.
  const query = Object.entries({
    'X-Goog-Algorithm': ALGORITHM,
    'X-Goog-Credential': `${accessId}/${scope}`,
    'X-Goog-Date': time,
    'X-Goog-Expires': String(seconds),
    'X-Goog-SignedHeaders': 'host',
  })
    .map(([parameter, value]) => `${parameter}=${encoded(value)}`)
    .join('&');
  const { host } = new URL(origin);
  const request = ['GET', path, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(request).digest('hex');
  const signature = hmac(key, [ALGORITHM, time, scope, digest].join('\n')).toString('hex');
  return `${origin}${path}?${query}&X-Goog-Signature=${signature}`;
}

const hmac = (key: Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/** ISO 8601 in its basic form, to the second. */
const basicTime = (time: Date): string =>
  `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/** All but the unreserved characters of RFC 3986. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
