/** Real attestation material, which lies beside the repository and is not part of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where it lies. */
export const FIXTURES = join(import.meta.dirname, '../../../shared/fixtures');

export function readFixture(path: string): string {
  return readFileSync(join(FIXTURES, path), 'utf8');
}

/** The flat documents of a YAML file of App Attest material: `key: value` and block scalars. */
export function readYamlDocuments(path: string): readonly ReadonlyMap<string, string>[] {
  return readFixture(path)
    .split(/^---$/m)
    .filter((text) => text.trim())
    .map((text) => {
      const fields = text.matchAll(/^ *(\w+): (?:'([^']*)'|\|\n((?: {2}.*\n?)+)|(.*))$/gm);
      return new Map(
        [...fields].map(([, key = '', quoted, block, plain]) => [
          key,
          quoted ?? block?.replaceAll(/^ +/gm, '') ?? plain ?? '',
        ]),
      );
    });
}

/** The base64 of a field that must be there. */
export function bytesOf(fields: ReadonlyMap<string, string>, key: string): Buffer {
  const value = fields.get(key);
  if (value === undefined) throw new Error(`fixture has no ${key}`);
  return Buffer.from(value, 'base64');
}
