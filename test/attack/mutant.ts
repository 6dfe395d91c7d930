/**
 * The repository with a few of its lines changed: what it would be without one defence. An attack
 * that is refused in the repository has to succeed in the mutant where its defence is gone; else it
 * would not notice if somebody took that defence away.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** One place in one file, by its exact text, which must be there once. */
export interface Edit {
  /** From the top of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** What takes a defence away. */
export interface Weakening {
  readonly edits?: readonly Edit[];
  /** Variables of functions/config.ts. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Mutant {
  /** A module of the repository, as it is in this mutant. */
  load<T>(file: string): Promise<T>;
  /** The text of a file of the repository, as it is in this mutant. */
  read(file: string): string;
}

const ROOT = join(import.meta.dirname, '../..');
const QUERY = /\?mutant=(\d+)$/;
const RELATIVE_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+\.ts)'/g;

interface ChangedFiles {
  textOf(file: string): string;
  /** Whether the file was changed or imports, at whatever distance, one that was. */
  isAffected(file: string): boolean;
}

const changed = new Map<string, ChangedFiles>();
let hooked = false;

/** Throws RangeError where an edit's text is not there, or more than once. */
export function createMutant(edits: readonly Edit[]): Mutant {
  const files = changedFiles(edits);
  const id = String(changed.size + 1);
  changed.set(id, files);
  return {
    read: (file) => files.textOf(file),
    async load<T>(file: string) {
      const url = pathToFileURL(join(ROOT, file)).href;
      if (!files.isAffected(file)) return (await import(url)) as T;
      hookModules();
      return (await import(`${url}?mutant=${id}`)) as T;
    },
  };
}

function changedFiles(edits: readonly Edit[]): ChangedFiles {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const text = texts.get(file) ?? original(file);
    const parts = text.split(find);
    if (parts.length !== 2) throw new RangeError(`${parts.length - 1} times in ${file}: ${find}`);
    texts.set(file, parts.join(replace));
  }
  const known = new Map<string, boolean>();
  const isAffected = (file: string): boolean => {
    const answer = known.get(file);
    if (answer !== undefined) return answer;
    known.set(file, texts.has(file));
    const affected = texts.has(file) || importsOf(file).some(isAffected);
    known.set(file, affected);
    return affected;
  };
  return { textOf: (file) => texts.get(file) ?? original(file), isAffected };
}

/** Modules of a mutant are loaded beside those of the repository; what is not affected is shared. */
function hookModules(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      const id = QUERY.exec(context.parentURL ?? '')?.[1];
      const file = resolved.url.startsWith('file:') && fileOf(resolved.url);
      const affected = id && file && changed.get(id)?.isAffected(file);
      return affected ? { ...resolved, url: `${resolved.url}?mutant=${id}` } : resolved;
    },
    load(url, context, nextLoad) {
      const files = changed.get(QUERY.exec(url)?.[1] ?? '');
      if (!files) return nextLoad(url, context);
      const source = stripped(files.textOf(fileOf(url)));
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

const fileOf = (url: string): string => relative(ROOT, fileURLToPath(url.replace(QUERY, '')));

const memory = <T>(compute: (key: string) => T): ((key: string) => T) => {
  const known = new Map<string, T>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
};

const original = memory((file) => readFileSync(join(ROOT, file), 'utf8'));
const stripped = memory((text) => stripTypeScriptTypes(text));
const importsOf = memory((file): readonly string[] => {
  if (!file.endsWith('.ts') || file.startsWith('node_modules')) return [];
  const folder = join(ROOT, file, '..');
  return [...stripped(original(file)).matchAll(RELATIVE_IMPORT)].map(([, specifier = '']) =>
    relative(ROOT, join(folder, specifier)),
  );
});
