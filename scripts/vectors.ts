/** `npm run vectors`: writes test/vectors/sealing.json, the protocol's test vectors (docs/mobile/protocol.md). */
import { writeFile } from 'node:fs/promises';
import { makeVectors, VECTORS_PATH } from '../test/vectors/make-vectors.ts';
import { commandLine } from './terminal/command-line.ts';

commandLine('vectors', 'Writes the test vectors of the protocol.').parse();
await writeFile(VECTORS_PATH, `${JSON.stringify(await makeVectors(), null, 2)}\n`);
