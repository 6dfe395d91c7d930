/**
 * Run as a program with the name of a function: prints, as a JSON list, the modules of functions/ that
 * an instance of it has loaded once it could serve. Google's clients and all other packages are not
 * counted, nor what the first request reads.
 */
import { registerHooks } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testEnvironment } from './environment.ts';

const FOLDER = join(import.meta.dirname, '../../functions');

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    const file = url.startsWith('file:') ? relative(FOLDER, fileURLToPath(url)) : '..';
    if (!file.startsWith('..')) loaded.push(file);
    return nextLoad(url, context);
  },
});
Object.assign(process.env, testEnvironment(), { FUNCTION_TARGET: process.argv[2] });
await import('../../functions/main.ts');
process.stdout.write(JSON.stringify(loaded));
