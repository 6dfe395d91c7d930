/** `npm run build:client`: puts the npm package @modelseal/client together, in `dist-client/`. */
import { buildClientPackage } from '../sdk/typescript/package/build.ts';
import { commandLine } from './terminal/command-line.ts';

commandLine(
  'build:client',
  'Puts the npm package @modelseal/client together, in dist-client/.',
).parse();

console.log(`built ${await buildClientPackage()}`);
