/** The functions as functions.tf has them, and all that each may do. */
import { z } from 'zod';
import { type Infrastructure, ofType, setOf } from './terraform.ts';

const access = z.strictObject({
  topics: z.array(z.string()).default([]),
  firestore: z.string().optional(),
  buckets: z.record(z.string(), z.string()).default({}),
  keys: z.record(z.string(), z.string()).default({}),
  reads_public_keys: z.array(z.string()).default([]),
});

const table = z.record(
  z.string(),
  z.strictObject({
    kind: z.enum(['http', 'console', 'intake', 'events', 'orders', 'schedule']),
    routes: z.array(z.string()).default([]),
    secrets: z.array(z.string()).default([]),
    cron: z.string().optional(),
    path: z.string().optional(),
    memory: z.string().optional(),
    concurrency: z.number().optional(),
    timeout: z.string().optional(),
    warm: z.number().optional(),
    access,
  }),
);

export type FunctionTable = z.infer<typeof table>;

/** Throws where functions.tf has another shape than this. */
export const functionTable = (infra: Infrastructure): FunctionTable =>
  table.parse(infra.locals['table']);

/** Each function's grants, one line each, as a reviewer reads them. */
export function grantsOf(functions: FunctionTable): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, { access: each, secrets }]) => [
      name,
      [
        ...each.topics.map((topic) => `topic ${topic}: roles/pubsub.publisher`),
        ...Object.entries(each.buckets).map(([bucket, role]) => `bucket ${bucket}: ${role}`),
        ...Object.entries(each.keys).map(([key, role]) => `key ${key}: ${role}`),
        ...each.reads_public_keys.map((key) => `key ${key}: publicKeyReader`),
        ...secrets.map((secret) => `secret ${secret}: roles/secretmanager.secretAccessor`),
        ...(each.firestore ? [`firestore: ${each.firestore}`] : []),
      ].sort(),
    ]),
  );
}

/** The collections whose documents the database deletes at their `expireAt`. */
export function expiringCollections(infra: Infrastructure): readonly string[] {
  return ofType(infra, 'google_firestore_field')
    .filter(({ body }) => body['ttl_config'] && body['field'] === 'expireAt')
    .flatMap(({ body }) => setOf(body['for_each']));
}
