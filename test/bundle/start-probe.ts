/**
 * `node start-probe.ts FOLDER`: loads the deployable folder as the Functions Framework would, for the
 * function that FUNCTION_TARGET names, and prints as JSON what that took and which files it loaded.
 */
import { realpathSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = realpathSync(process.argv[2] ?? '.');
const files: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : '';
    if (path.startsWith(folder)) files.push(path.slice(folder.length + 1));
    return nextLoad(url, context);
  },
});

// The framework is there before it loads us.
const entry = join(folder, 'main.mjs');
createRequire(entry)('@google-cloud/functions-framework');

const startedAt = performance.now();
await import(pathToFileURL(entry).href);
const milliseconds = performance.now() - startedAt;
process.stdout.write(JSON.stringify({ milliseconds, files }));
process.exit(0);
