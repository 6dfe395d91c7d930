/** Who the smoke client is: the JSON in SMOKE_IDENTITY, or in a file. */
import { z } from 'zod';

export const smokeIdentity = z.strictObject({
  /** A user token, or how to get one: a form for the provider's token endpoint, and the member of its answer. */
  token: z.union([
    z.string().min(1),
    z.strictObject({
      url: z.url(),
      form: z.record(z.string(), z.string()),
      member: z.string().default('id_token'),
    }),
  ]),
  /** A model that this user may have. */
  model: z.string().min(1),
  app: z.strictObject({ teamId: z.string(), bundleId: z.string() }),
  /** Folder of the test roots that the deployment trusts: local stacks only, Google Cloud refuses them. */
  testRoots: z.string().optional(),
});
export type SmokeIdentity = z.infer<typeof smokeIdentity>;

/** Rejects where the provider gives no token. */
export async function userToken({ token }: SmokeIdentity): Promise<string> {
  if (typeof token === 'string') return token;
  const response = await fetch(token.url, {
    method: 'POST',
    body: new URLSearchParams(token.form),
  });
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const given = answer[token.member];
  if (typeof given !== 'string')
    throw new Error(`the identity provider answered ${response.status}`);
  return given;
}
