/**
 * What Google's roles allow, and ours: the right side of the IAM table. Of Google's roles, what they
 * hold of the services that we use, from its lists of 22 August 2026
 * (https://cloud.google.com/iam/docs/roles-permissions); names of projects and places, which every
 * role shows, are left out.
 */
import { z } from 'zod';
import type { FunctionTable } from './function-table.ts';
import type { Infrastructure } from './terraform.ts';

const READS_DOCUMENTS = [
  'datastore.databases.get',
  'datastore.databases.getMetadata',
  'datastore.databases.list',
  'datastore.entities.get',
  'datastore.entities.list',
  'datastore.namespaces.get',
  'datastore.namespaces.list',
  'datastore.schemas.list',
  'datastore.statistics.get',
  'datastore.statistics.list',
];

const GOOGLES: Readonly<Record<string, readonly string[]>> = {
  'roles/pubsub.publisher': ['pubsub.topics.publish'],
  'roles/cloudkms.cryptoKeyDecrypter': ['cloudkms.cryptoKeyVersions.useToDecrypt'],
  'roles/cloudkms.cryptoKeyEncrypter': ['cloudkms.cryptoKeyVersions.useToEncrypt'],
  'roles/cloudkms.signer': ['cloudkms.cryptoKeyVersions.useToSign'],
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
  'roles/datastore.viewer': [...READS_DOCUMENTS, 'datastore.insights.get', 'datastore.schemas.get'],
  'roles/datastore.user': [
    ...READS_DOCUMENTS,
    'datastore.entities.allocateIds',
    'datastore.entities.create',
    'datastore.entities.delete',
    'datastore.entities.update',
  ],
};

/** Permissions as `resource: permission`. */
export type Permissions = ReadonlySet<string>;

/** What each function's account may do. Throws where a role is not listed here. */
export function givenPermissions(
  infra: Infrastructure,
  functions: FunctionTable,
): ReadonlyMap<string, Permissions> {
  const body = (name: string) =>
    infra.resources.find(({ address }) => address === `google_project_iam_custom_role.${name}`)
      ?.body;
  const lists = z.record(z.string(), z.array(z.string())).parse(body('object')?.['for_each']);
  const publicKeyReader = z.array(z.string()).parse(body('public_key_reader')?.['permissions']);
  const of = (role: string): readonly string[] => {
    const permissions = GOOGLES[role] ?? lists[role];
    if (!permissions) throw new RangeError(`what does ${role} allow?`);
    return permissions;
  };
  return new Map(
    Object.entries(functions).map(([name, { access }]) => {
      const grants: readonly (readonly [string, readonly string[]])[] = [
        ...access.topics.map((topic) => [`topic ${topic}`, of('roles/pubsub.publisher')] as const),
        ...Object.entries(access.buckets).map(
          ([bucket, role]) => [`bucket ${bucket}`, of(role)] as const,
        ),
        ...Object.entries(access.keys).map(([key, role]) => [`key ${key}`, of(role)] as const),
        ...access.reads_public_keys.map((key) => [`key ${key}`, publicKeyReader] as const),
        ...(access.firestore ? [['database', of(access.firestore)] as const] : []),
      ];
      return [
        name,
        new Set(
          grants.flatMap(([resource, permissions]) =>
            permissions.map((permission) => `${resource}: ${permission}`),
          ),
        ),
      ];
    }),
  );
}
