/** What the configuration says of the operators' console: who may sign in to it, and do what. */
import { z } from 'zod';
import { ROLES, type Role } from './roles.ts';

const https = z.url({ protocol: /^https$/ });
/** A local stack's own: refused on Google Cloud. */
const loopback = z.url({ protocol: /^http$/, hostname: /^127\.0\.0\.1$/ });

const settingsOf = (url: z.ZodType<string>) =>
  z.strictObject({
    /** Where the page is served, such as https://console.example.com: nobody else's requests are taken. */
    origin: url.refine((text) => URL.parse(text)?.origin === text, 'is no origin'),
    /** Of the operators' identities. Its audience is the console's alone: no user's token signs in. */
    issuer: z.strictObject({
      issuer: url,
      audience: z.string().min(1),
      jwksUri: url,
      algorithms: z
        .array(z.enum(['RS256', 'ES256']))
        .min(1)
        .default(['RS256']),
    }),
    authorizationEndpoint: url,
    /** The claim `hd`: an account of another organisation, or of none, does not sign in. */
    hostedDomain: z.string().min(3),
    /** Roles by address. Who is not named may nothing. */
    operators: z.record(
      z.email().refine((email) => email === email.toLowerCase(), 'is not in lower case'),
      z.array(z.enum(ROLES)).min(1),
    ),
    sessionSeconds: z.int().min(300).max(43_200).default(3_600),
    /** How old a sign-in may be for what is hard to undo. */
    stepUpSeconds: z.int().min(60).max(3_600).default(300),
  });

export type ConsoleSettings = z.infer<ReturnType<typeof settingsOf>>;

/**
 * Null where there is no console. Throws RangeError, naming what is wrong and no value; also where
 * users and operators share an audience, or something on Google Cloud is not https.
 */
export function parseConsoleSettings(
  value: unknown,
  isOnGoogleCloud: boolean,
  userIssuers: readonly { readonly issuer: string; readonly audience: string }[],
): ConsoleSettings | null {
  if (value === null || value === undefined) return null;
  const schema = settingsOf(isOnGoogleCloud ? https : z.union([https, loopback]));
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`);
    throw new RangeError(problems.join(', '));
  }
  const { issuer } = parsed.data;
  if (userIssuers.some((one) => one.issuer === issuer.issuer && one.audience === issuer.audience)) {
    throw new RangeError('issuer.audience: is that of users');
  }
  return parsed.data;
}

/** The roles of somebody; none where he is not named. */
export const rolesOf = ({ operators }: ConsoleSettings, email: string): readonly Role[] =>
  Object.hasOwn(operators, email) ? (operators[email] ?? []) : [];
