/** `npm run build:client`: makes `dist/` of sdk/typescript, the npm package @modelseal/client. */
import { buildClientPackage } from './client-package/build.ts';

console.log(`built ${await buildClientPackage()}`);
