/** `npm run docs`: the reference pages and schemas that are made from the code; tests compare them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventAvro, eventColumns } from '../infra/schemas/event-schemas.ts';
import manifest from '../package.json' with { type: 'json' };
import { compliancePage } from './docs/compliance-page.ts';
import { errorsPage } from './docs/errors-page.ts';
import { openApiDocument } from './openapi/document.ts';
import { apiPage } from './openapi/page.ts';
import { commandLine } from './terminal/command-line.ts';

commandLine('docs', 'Writes the pages and schemas that are made from the code.').parse();

const DOCS = join(import.meta.dirname, '..', 'docs');

await writeFile(join(DOCS, 'mobile', 'errors.md'), errorsPage());
await writeFile(join(DOCS, 'ops', 'compliance.md'), compliancePage());

await mkdir(join(DOCS, 'api'), { recursive: true });
const document = await openApiDocument(manifest.version);
await writeFile(join(DOCS, 'api', 'openapi.json'), `${JSON.stringify(document, null, 2)}\n`);
await writeFile(join(DOCS, 'api', 'index.html'), apiPage(document));

const INFRA = join(import.meta.dirname, '..', 'infra');
await writeFile(join(INFRA, 'pubsub', 'event.avsc'), `${JSON.stringify(eventAvro(), null, 2)}\n`);
await writeFile(
  join(INFRA, 'bigquery', 'events_raw.json'),
  `${JSON.stringify(eventColumns(), null, 2)}\n`,
);
