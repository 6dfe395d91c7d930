import type { OpenApiDocument, Operation } from './document.ts';

/** The document as one HTML page that loads nothing: no script, no style sheet, no font. */
export function apiPage(document: OpenApiDocument): string {
  const sections = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => section(method, path, operation)),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>modelseal API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h2 { margin-top: 2.5rem; border-top: 1px solid #ddd; padding-top: 1rem; font-size: 1.1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #f5f5f5; padding: .75rem; overflow-x: auto; }
summary { cursor: pointer; margin: .5rem 0; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6; } pre { background: #22252b; } h2 { border-color: #333; } }
</style>
</head>
<body>
<h1>modelseal API</h1>
<p>Made from the schemas that validate requests; for machines: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).
Calls carry <code>Authorization: Bearer &lt;user token&gt;</code> unless said otherwise. Refusals are problems
(RFC 9457): decide on their <code>code</code>.</p>
${sections.join('\n')}
</body>
</html>
`;
}

function section(method: string, path: string, operation: Operation): string {
  const { summary, description, security, requestBody, responses } = operation;
  const content = (requestBody as { content?: Record<string, Record<string, unknown>> } | undefined)
    ?.content?.['application/json'];
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, answer]) => details(`Answer ${status}`, answer));
  return [
    `<h2 id="${operation.operationId}"><code>${method.toUpperCase()} ${escaped(path)}</code></h2>`,
    `<p>${escaped(summary)}${security.length === 0 ? ' Needs no user token.' : ''}</p>`,
    ...(description ? [`<p>${escaped(description)}</p>`] : []),
    ...(content ? [details('Request', content['schema'])] : []),
    ...(content?.['x-client-data'] ? [details('Client data', content['x-client-data'])] : []),
    ...answers,
  ].join('\n');
}

const details = (title: string, value: unknown): string =>
  `<details><summary>${title}</summary><pre>${escaped(JSON.stringify(value, null, 2))}</pre></details>`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
