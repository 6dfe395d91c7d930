/**
 * Who is calling: OIDC ID tokens or JWT access tokens of the configured issuers, verified against
 * their published keys (RFC 7519, RFC 8725, OpenID Connect Core section 3.1.3.7).
 */
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { ServiceError } from '../errors.ts';
import { issuerKeys } from './issuer-keys.ts';

export interface TrustedIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri: string;
  /** JWS algorithms that this issuer signs with; only asymmetric ones. */
  readonly algorithms: readonly string[];
}

export interface VerifiedUser {
  readonly issuer: string;
  readonly subject: string;
  /** The value of the configured claim, where it is text. */
  readonly plan?: string;
}

export interface UserTokens {
  /** Throws token_invalid, and unavailable where the issuer's keys cannot be fetched. */
  verify(authorization: string | undefined, now: Date): Promise<VerifiedUser>;
}

const CLOCK_SKEW_SECONDS = 60;
const MAX_TOKEN_CHARS = 8192;
/** A `sub` has no more characters (OpenID Connect Core section 2). */
const MAX_NAME_CHARS = 255;
/** From its issue to its end; providers give minutes or hours. */
const MAX_TOKEN_LIFE_SECONDS = 32 * 86_400;

/** What jose throws for a token that is none, is not signed by the issuer, or not in an allowed way. */
const FORGED = [
  errors.JWTInvalid,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSNoMatchingKey,
  errors.JWKSMultipleMatchingKeys,
];

/** A token as its issuer signed it, once that, its audience and its times are verified. */
export interface VerifiedToken {
  readonly issuer: TrustedIssuer;
  readonly payload: JWTPayload & { readonly sub: string };
}

/** Throws token_invalid, and unavailable where the issuer's keys cannot be fetched. */
export type TokenVerifier = (token: string | undefined, now: Date) => Promise<VerifiedToken>;

/** Takes tokens of these issuers. Keys are fetched on first use and kept as issuer-keys.ts says. */
export function createTokenVerifier(issuers: readonly TrustedIssuer[]): TokenVerifier {
  const keySets = new Map<string, JWTVerifyGetKey>();
  const keysOf = (issuer: TrustedIssuer): JWTVerifyGetKey => {
    const known = keySets.get(issuer.issuer);
    if (known) return known;
    const fresh = issuerKeys(issuer.jwksUri);
    keySets.set(issuer.issuer, fresh);
    return fresh;
  };

  return async (token, now) => {
    if (!token || token.length > MAX_TOKEN_CHARS) throw refusal('token_missing');
    const issuer = issuers.find(({ issuer }) => issuer === claimedIssuer(token));
    if (!issuer) throw refusal('token_issuer');
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keysOf(issuer), {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: [...issuer.algorithms],
        clockTolerance: CLOCK_SKEW_SECONDS,
        requiredClaims: ['exp', 'sub'],
        currentDate: now,
      });
      if (!isUserTokenType(protectedHeader.typ)) throw refusal('token_type');
      requireSaneTimes(payload, now);
      requireParty(payload, issuer.audience);
      if (!isName(payload.sub)) throw refusal('token_subject');
      return { issuer, payload: { ...payload, sub: payload.sub } };
    } catch (error) {
      throw error instanceof ServiceError ? error : translate(error);
    }
  };
}

/** Who calls the API, by the token in its Authorization header. */
export function createUserTokens(
  issuers: readonly TrustedIssuer[],
  planClaim = 'plan',
): UserTokens {
  const verifyToken = createTokenVerifier(issuers);
  return {
    async verify(authorization, now) {
      const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
      const { issuer, payload } = await verifyToken(token, now);
      const plan = payload[planClaim];
      return {
        issuer: issuer.issuer,
        subject: payload.sub,
        ...(typeof plan === 'string' && { plan }),
      };
    },
  };
}

/**
 * ID tokens say JWT or nothing, access tokens at+jwt (RFC 9068). Whatever else an issuer signs for the
 * same audience, such as a logout token, has a type of its own and calls nobody (RFC 8725 section 3.11).
 */
const isUserTokenType = (typ: string | undefined): boolean =>
  typ === undefined || /^(?:application\/)?(?:jwt|at\+jwt)$/i.test(typ);

/**
 * Text that is the same in every encoding: a lone surrogate becomes U+FFFD where it is hashed, and two
 * subjects that differ in one alone would be one user.
 */
const isName = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= MAX_NAME_CHARS &&
  value.isWellFormed();

/** Throws for instants that no issuer means: a token that ends in years, or was issued after it ended. */
function requireSaneTimes({ iat, nbf, exp = Number.NaN }: JWTPayload, now: Date): void {
  const seconds = now.getTime() / 1000;
  const issuedAt = iat ?? seconds;
  if (!(exp - seconds <= MAX_TOKEN_LIFE_SECONDS && exp >= 0)) throw refusal('token_exp');
  const isIssued =
    issuedAt >= 0 &&
    issuedAt <= seconds + CLOCK_SKEW_SECONDS &&
    exp - issuedAt >= -CLOCK_SKEW_SECONDS;
  if (!isIssued || exp - issuedAt > MAX_TOKEN_LIFE_SECONDS) throw refusal('token_iat');
  if (nbf !== undefined && !(nbf >= 0 && nbf <= exp)) throw refusal('token_nbf');
}

/**
 * Throws for a token that several audiences share and that was not made for us, which its authorised
 * party says (OpenID Connect Core section 3.1.3.7); of one audience the party may be another client of the same app.
 */
function requireParty({ aud, azp }: JWTPayload, audience: string): void {
  if (azp !== undefined && !isName(azp)) throw refusal('token_azp');
  if (Array.isArray(aud) && aud.length > 1 && azp !== audience) throw refusal('token_azp');
}

/** Read before the signature is checked, only to choose the key set; the claim is verified with it. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function translate(error: unknown): ServiceError {
  if (error instanceof errors.JWTExpired) return refusal('token_expired');
  if (error instanceof errors.JWTClaimValidationFailed) return refusal(`token_${error.claim}`);
  if (FORGED.some((type) => error instanceof type)) return refusal('token_signature');
  // Whatever is not the token's fault is the key set's: unreachable, late or not one.
  return new ServiceError('unavailable', {
    reason: 'issuer_keys_unreachable',
    retryAfterSeconds: 5,
    cause: error,
  });
}

function refusal(reason: string): ServiceError {
  return new ServiceError('token_invalid', {
    reason,
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  });
}
