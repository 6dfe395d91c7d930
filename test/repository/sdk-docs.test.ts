/** What app developers read in their editor: each class of the SDK says how it is used, and what goes wrong. */
import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../functions/errors.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';

interface Documented {
  readonly name: string;
  readonly doc: string;
  readonly parameters: readonly string[];
}

const DOC = String.raw`(?:/\*\*(?<doc>(?:(?!\*/)[\s\S])*)\*/\s*)?`;
const CLASS = new RegExp(
  `${DOC}^export class (?<name>\\w+)[^{]*\\{$(?<body>[\\s\\S]*?)^\\}$`,
  'gm',
);
/** A public member with a body; private ones begin with `#` or with `private`. */
const METHOD = new RegExp(
  `(?:^|\\n)\\s*${DOC}^  (?:static )?(?:async )?(?<name>\\[?\\w[\\w.]*\\]?)(?:<\\w+>)?\\((?<parameters>[^)]*?(?:\\([^)]*\\)[^)]*?)*)\\)(?:: [^\\n]+)? \\{$`,
  'gm',
);

const classesOf = ({ text }: SourceFile) =>
  [...text.matchAll(CLASS)].map(({ groups }) => ({
    name: groups?.['name'] ?? '',
    doc: groups?.['doc'] ?? '',
    methods: [...(groups?.['body'] ?? '').matchAll(METHOD)].map(
      ({ groups: member }): Documented => ({
        name: member?.['name'] ?? '',
        doc: member?.['doc'] ?? '',
        parameters: namesOf(member?.['parameters'] ?? ''),
      }),
    ),
  }));

/** The names of a parameter list. Types hold no colons at the depth that is looked at. */
const namesOf = (list: string): readonly string[] =>
  [...list.matchAll(/(?:^|,)\s*(\w+)\??\s*(?=[:=])/g)].map(([, name]) => name ?? '');

const CLASSES = sourceFiles('sdk/typescript')
  .filter(({ path }) => !path.endsWith('.test.ts'))
  .flatMap(classesOf);

describe('the comments of the SDK', () => {
  it('are found', () => {
    expect(CLASSES.map(({ name }) => name).sort()).toEqual(
      expect.arrayContaining(['ApiClient', 'ModelSealClient', 'ModelStore', 'ProtectedModels']),
    );
    const members = CLASSES.find(({ name }) => name === 'ApiClient')?.methods;
    expect(members?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['challenge', 'download']),
    );
    expect(members?.find(({ name }) => name === 'download')?.parameters).toEqual([
      'url',
      'start',
      'signal',
      'sizeBytes',
    ]);
  });

  it.each(CLASSES)('show an example of $name', ({ doc }) => {
    expect(doc).toMatch(/@example\n/);
  });

  it.each(
    CLASSES.flatMap(({ name, methods }) =>
      methods.map((method) => ({ ...method, name: `${name}.${method.name}` })),
    ),
  )('describe $name and each of its parameters', ({ doc, parameters }) => {
    expect(doc.trim()).not.toBe('');
    for (const parameter of parameters) expect(doc).toContain(`@param ${parameter} `);
  });

  it('name only error codes that there are', () => {
    const named = CLASSES.flatMap(({ methods }) => methods)
      .flatMap(({ doc }) => doc.split('@'))
      .filter((tag) => tag.startsWith('throws {ApiError}'))
      .flatMap((tag) => [...tag.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code ?? ''));
    const own = [
      'attestation_unavailable',
      'clock_wrong',
      'download_refused',
      'intercepted',
      'token_unavailable',
      'unreachable',
      'url_ended',
    ];
    expect(named.filter((code) => !(code in ERRORS) && !own.includes(code))).toEqual([]);
    expect(named.length).toBeGreaterThan(5);
  });
});
