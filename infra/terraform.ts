/** The Terraform files of this folder as data, for the tests. Expressions stay text: `${…}`. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from '@cdktn/hcl2json';

export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value };
export type Block = { readonly [key: string]: Value };

export interface Resource {
  /** Such as `google_storage_bucket.vault`; with `data.` in front of a data source. */
  readonly address: string;
  readonly type: string;
  readonly name: string;
  readonly body: Block;
}

export interface Infrastructure {
  readonly resources: readonly Resource[];
  readonly locals: Block;
  readonly variables: Readonly<Record<string, Block>>;
  /** All files as one text, by name in order. */
  readonly text: string;
}

/** The sources by file name. */
export async function readSources(
  folder = import.meta.dirname,
): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tf')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return Object.fromEntries(names.map((name, i) => [name, texts[i] ?? '']));
}

/** Throws with file and line where a source is not HCL. */
export async function parseSources(
  sources: Readonly<Record<string, string>>,
): Promise<Infrastructure> {
  const resources: Resource[] = [];
  const locals: Record<string, Value> = {};
  const variables: Record<string, Block> = {};
  for (const [file, text] of Object.entries(sources)) {
    const parsed = (await parse(file, text)) as ParsedFile;
    for (const block of parsed.locals ?? []) Object.assign(locals, block);
    for (const [name, [body = {}]] of Object.entries(parsed.variable ?? {})) variables[name] = body;
    for (const kind of ['resource', 'data'] as const) {
      for (const [type, named] of Object.entries(parsed[kind] ?? {})) {
        for (const [name, [body = {}]] of Object.entries(named)) {
          const fullType = kind === 'data' ? `data.${type}` : type;
          resources.push({ address: `${fullType}.${name}`, type: fullType, name, body });
        }
      }
    }
  }
  return { resources, locals, variables, text: Object.values(sources).join('\n') };
}

interface ParsedFile {
  readonly locals?: readonly Block[];
  readonly variable?: Readonly<Record<string, readonly Block[]>>;
  readonly resource?: ParsedResources;
  readonly data?: ParsedResources;
}
type ParsedResources = Readonly<Record<string, Readonly<Record<string, readonly Block[]>>>>;

export const ofType = ({ resources }: Infrastructure, type: string): readonly Resource[] =>
  resources.filter((resource) => resource.type === type);

/** The value at a path such as `['encryption', 'default_kms_key_name']`; of repeated blocks, the first's. */
export function at(value: Value | undefined, path: readonly string[]): Value | undefined {
  let current = value;
  for (const key of path) {
    if (Array.isArray(current)) current = (current as readonly Value[])[0];
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Block)[key];
  }
  return current;
}

/** The literals of `${toset([…])}`; empty for anything else. */
export function setOf(value: Value | undefined): readonly string[] {
  const [, list = ''] = /^\$\{toset\(\[([^\]]*)\]\)\}$/.exec(String(value)) ?? [];
  return [...list.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text);
}
