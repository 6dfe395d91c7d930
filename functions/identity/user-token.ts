/**
 * Who is calling: OIDC ID tokens or JWT access tokens of the configured issuers, verified against
 * their published keys (RFC 7519, RFC 8725, OpenID Connect Core section 3.1.3.7).
 */
import { createRemoteJWKSet, decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { ServiceError } from '../errors.ts';

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

/** Keys are fetched on first use, cached, and refetched for an unknown kid at most twice a minute. */
export function createUserTokens(
  issuers: readonly TrustedIssuer[],
  planClaim = 'plan',
): UserTokens {
  const keySets = new Map<string, JWTVerifyGetKey>();
  const keysOf = (issuer: TrustedIssuer): JWTVerifyGetKey => {
    const known = keySets.get(issuer.issuer);
    if (known) return known;
    const fresh = createRemoteJWKSet(new URL(issuer.jwksUri), {
      timeoutDuration: 3000,
      cooldownDuration: 30_000,
      cacheMaxAge: 600_000,
    });
    keySets.set(issuer.issuer, fresh);
    return fresh;
  };

  return {
    async verify(authorization, now) {
      const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '')?.[1];
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
        if (typeof payload.sub !== 'string' || payload.sub === '') throw refusal('token_subject');
        const plan = payload[planClaim];
        return {
          issuer: issuer.issuer,
          subject: payload.sub,
          ...(typeof plan === 'string' && { plan }),
        };
      } catch (error) {
        throw error instanceof ServiceError ? error : translate(error);
      }
    },
  };
}

/**
 * ID tokens say JWT or nothing, access tokens at+jwt (RFC 9068). Whatever else an issuer signs for the
 * same audience, such as a logout token, has a type of its own and calls nobody (RFC 8725 section 3.11).
 */
const isUserTokenType = (typ: string | undefined): boolean =>
  typ === undefined || /^(?:application\/)?(?:jwt|at\+jwt)$/i.test(typ);

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
