/** Who the smoke client is: the JSON in SMOKE_IDENTITY, or in a file. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';

/**
 * In a value of the form, a word that is new for each run: somebody who enrols a phone and tries a forged
 * one every few minutes is blocked, and rightly so. A provider where users cannot be made up needs a user
 * who is allowed for good (docs/ops/operations.md).
 */
const RUN = '{run}';

export const smokeIdentity = z.strictObject({
  /**
   * A user token, or how to get one: a form for the provider's token endpoint, in which `{run}` is a word
   * of each run's own, and the member of its answer.
   */
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
  const run = randomBytes(6).toString('hex');
  const form = Object.entries(token.form).map(([name, value]) => [
    name,
    value.replaceAll(RUN, run),
  ]);
  const response = await fetch(token.url, { method: 'POST', body: new URLSearchParams(form) });
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const given = answer[token.member];
  if (typeof given !== 'string')
    throw new Error(`the identity provider answered ${response.status}`);
  return given;
}
