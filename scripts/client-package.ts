/** `npm run build:client`: puts the npm package @modelseal/client together, in `dist-client/`. */
import { buildClientPackage } from './client-package/build.ts';

console.log(`built ${await buildClientPackage()}`);
