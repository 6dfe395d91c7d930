/**
 * `npm run depcruise`: dependency-cruiser over all our sources. It reads TypeScript through the
 * programming interface of the compiler, which version 7 has not; so, for it and nobody else, the
 * compiler is the one of version 6 that @ts-morph/common carries.
 */
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = join(import.meta.dirname, '../..');
const CARRIER = join(ROOT, 'node_modules/@ts-morph/common');
const COMPILER = pathToFileURL(join(CARRIER, 'dist/typescript.js')).href;
/** Where the cruiser looks for the compiler's version. */
const MANIFEST = pathToFileURL(join(CARRIER, 'typescript/package.json')).href;
const FOLDERS = ['functions', 'sdk', 'test', 'scripts', 'infra', 'console'];

const { ts } = createRequire(import.meta.url)('@ts-morph/common') as { ts: { version: string } };

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (!context.parentURL?.includes('/node_modules/dependency-cruiser/')) {
      return nextResolve(specifier, context);
    }
    if (specifier === 'typescript') return { url: COMPILER, shortCircuit: true };
    if (specifier === 'typescript/package.json') return { url: MANIFEST, shortCircuit: true };
    return nextResolve(specifier, context);
  },
  load: (url, context, nextLoad) =>
    url === MANIFEST
      ? { format: 'json', source: JSON.stringify({ version: ts.version }), shortCircuit: true }
      : nextLoad(url, context),
});

const given = process.argv.slice(2);
process.argv.splice(2, given.length, '--config', join(ROOT, '.dependency-cruiser.mjs'));
process.argv.push(...(given.length > 0 ? given : FOLDERS));
await import('../../node_modules/dependency-cruiser/bin/dependency-cruiser.mjs' as string);
