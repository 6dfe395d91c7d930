import { readFileSync } from 'node:fs';

/** What stands around the examples: the app's own, and what an example before has made. */
const AROUND = `
declare const auth: { idToken(): Promise<string>; userId: string };
declare const account: string;
declare const [platform, enrolments, crypto, storage, hardwareKey, pinnedKeys, userToken]: [
  C.DevicePlatform, C.EnrolmentStore, C.SealingCrypto, C.ModelStorage, C.HardwareKey,
  readonly C.VerificationKey[], C.ApiOptions['userToken'],
];
declare const [api, client, store, models]: [C.ApiClient, C.ModelSealClient, C.ModelStore, C.ProtectedModels];
declare const [keyHandle, attestation, proof]: [string, Record<string, unknown>, Record<string, unknown>];
declare const [interpreter, bar, config, Platform, FreeRasp]: [any, any, any, any, any];
declare function ask(question: string): Promise<boolean>;
declare function showSupport(requestId: string | undefined): void;
declare function showUpdate(): void;
declare function showTryAgain(): void;
`;

/**
 * The examples in TypeScript of a page, each as a program: what it uses of the package is imported, and
 * native modules, which are not here, are taken as they come.
 *
 * @param page Its path.
 * @param names What the package exports, with the door that does.
 */
export function examplesIn(page: string, names: ReadonlyMap<string, string>): readonly string[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => {
    const modules = [...code.matchAll(/^import (.*) from '[^']*';$/gm)].flatMap(([, what = '']) =>
      [...what.matchAll(/\w+/g)].map(([name]) => name).filter((name) => name !== 'as'),
    );
    const body = code.replaceAll(/^import .*$/gm, '');
    const words = new Set(body.match(/\b[A-Za-z]\w*\b/g));
    const imports = [...names]
      .filter(([name]) => words.has(name))
      .map(([name, door]) => `import { ${name} } from '${door}';`);
    return [
      `import type * as C from '@modelseal/client';`,
      ...imports,
      AROUND,
      `export async function example(${modules.map((name) => `${name}: any`)}) {\n${body}\n}`,
    ].join('\n');
  });
}
