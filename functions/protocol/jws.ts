/** Compact JWS (RFC 7515) with ES256 and nothing else: what manifests and licences are written as. */

import { utf8 } from './bytes.ts';
import { type Awaitable, type EcPublicJwk, type SealingCrypto, sha256 } from './crypto.ts';
import { fromBase64url, toBase64url } from './encoding.ts';
import { SealError } from './errors.ts';

/** Signs with ES256; gives r ‖ s. */
export type Es256Signer = (message: Uint8Array) => Awaitable<Uint8Array>;

/** A public key under the name that a token's `kid` gives; kids read `<purpose>.<version>`. */
export interface VerificationKey {
  readonly kid: string;
  readonly jwk: EcPublicJwk;
}

export interface ParsedJws {
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: unknown;
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
}

/** A manifest of 65,536 layers with long names fits. */
const MAX_TOKEN_CHARS = 1 << 25;

const encodeJson = (value: unknown) => toBase64url(utf8(JSON.stringify(value)));

/** `typ` is explicit (RFC 8725 section 3.11), so that no kind of token passes for another. */
export async function signJws(
  header: { readonly typ: string; readonly kid?: string; readonly delegate?: string },
  payload: unknown,
  sign: Es256Signer,
): Promise<string> {
  const signingInput = `${encodeJson({ alg: 'ES256', ...header })}.${encodeJson(payload)}`;
  return `${signingInput}.${toBase64url(await sign(utf8(signingInput)))}`;
}

/**
 * Takes a token apart without believing it. Throws `token-malformed` for anything but an ES256 token
 * of this `typ` whose header has the members named and no other.
 */
export function parseJws(token: string, typ: string, members: readonly string[]): ParsedJws {
  const [header, payload, signature, ...rest] =
    token.length <= MAX_TOKEN_CHARS ? token.split('.') : [];
  if (header === undefined || payload === undefined || !signature || rest.length > 0) {
    throw new SealError('token-malformed', 'not a compact JWS');
  }
  const parsedHeader = decodeJson(header);
  const signatureBytes = fromBase64url(signature);
  if (typeof parsedHeader !== 'object' || parsedHeader === null || !signatureBytes) {
    throw new SealError('token-malformed', 'header or signature');
  }
  const given = parsedHeader as Record<string, unknown>;
  const expected = new Set(['alg', 'typ', ...members]);
  if (
    given['alg'] !== 'ES256' ||
    given['typ'] !== typ ||
    Object.keys(given).some((name) => !expected.has(name))
  ) {
    throw new SealError('token-malformed', `not an ES256 token of type ${typ}`);
  }
  return {
    header: given,
    payload: decodeJson(payload),
    signingInput: utf8(`${header}.${payload}`),
    signature: signatureBytes,
  };
}

/** Throws `signature-invalid`. */
export async function verifySignature(
  crypto: SealingCrypto,
  { signingInput, signature }: ParsedJws,
  key: EcPublicJwk,
): Promise<void> {
  if (!(await crypto.verifyEs256(key, signingInput, signature))) {
    throw new SealError('signature-invalid');
  }
}

/** The pinned key that signed `parsed`. Throws `signer-untrusted` where it is none of this `purpose`. */
function pinnedKey(
  { header }: ParsedJws,
  purpose: string,
  keys: readonly VerificationKey[],
): EcPublicJwk {
  const kid = header['kid'];
  const key = keys.find((candidate) => candidate.kid === kid);
  if (!key?.kid.startsWith(`${purpose}.`)) throw new SealError('signer-untrusted', String(kid));
  return key.jwk;
}

/**
 * The payload of a token that a pinned key of this `purpose` signed, not looked into yet. Throws
 * `token-malformed`, `signer-untrusted` or `signature-invalid`.
 */
export async function pinnedPayload(
  crypto: SealingCrypto,
  token: string,
  { typ, purpose }: { readonly typ: string; readonly purpose: string },
  keys: readonly VerificationKey[],
): Promise<unknown> {
  const parsed = parseJws(token, typ, ['kid']);
  await verifySignature(crypto, parsed, pinnedKey(parsed, purpose, keys));
  return parsed.payload;
}

/** What other tokens and HPKE's info name a token by: SHA-256 of its ASCII bytes. */
export const tokenDigest = (crypto: SealingCrypto, token: string): Uint8Array =>
  sha256(crypto, utf8(token));

function decodeJson(part: string): unknown {
  const bytes = fromBase64url(part);
  if (!bytes) throw new SealError('token-malformed', 'not base64url');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new SealError('token-malformed', 'not JSON', { cause });
  }
}
