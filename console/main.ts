/** `npm run console:build`: `console/dist/`, which `firebase deploy --only hosting:console` uploads. */
import { join } from 'node:path';
import { writeConsole } from './build.ts';

await writeConsole(join(import.meta.dirname, 'dist'));
