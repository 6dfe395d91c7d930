import type { OpenApiDocument, Operation } from './document.ts';

/** The document as one HTML page that loads nothing: no script, no style sheet, no font. */
export function apiPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const contents = operations.map(
    ({ route, operation: { operationId, summary } }) =>
      `<li><a href="#${operationId}"><code>${escaped(route)}</code></a> ${prose(summary)}</li>`,
  );
  const sections = operations.map(({ route, operation }) => section(route, operation));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>modelseal API</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: light-dark(#fff, #16181c); color: light-dark(#1a1a1a, #e6e6e6); overflow-wrap: break-word; }
h2 { margin-top: 2.5rem; border-top: 1px solid light-dark(#ddd, #333); padding-top: 1.25rem; font-size: 1.2rem; }
h2 code { font-size: 1.1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: light-dark(#f5f5f5, #22252b); padding: .75rem; overflow-x: auto; }
nav ul { padding: 0; list-style: none; }
nav li { margin: .6rem 0; }
nav a { display: block; }
summary { cursor: pointer; margin: .5rem 0; }
</style>
</head>
<body>
<h1>modelseal API</h1>
<p>Made from the schemas that validate requests; for machines: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).
Calls carry <code>Authorization: Bearer &lt;user token&gt;</code> unless said otherwise. Refusals are problems
(RFC 9457): decide on their <code>code</code>.</p>
<nav><ul>
${contents.join('\n')}
</ul></nav>
${sections.join('\n')}
</body>
</html>
`;
}

function section(route: string, operation: Operation): string {
  const { summary, description, security, requestBody, responses } = operation;
  const content = (requestBody as { content?: Record<string, Record<string, unknown>> } | undefined)
    ?.content?.['application/json'];
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, answer]) => details(`Answer ${status}`, answer));
  return [
    `<h2 id="${operation.operationId}"><code>${escaped(route)}</code></h2>`,
    `<p>${prose(summary)}${security.length === 0 ? ' Needs no user token.' : ''}</p>`,
    ...(description ? [`<p>${prose(description)}</p>`] : []),
    ...(content ? [details('Request', content['schema'])] : []),
    ...(content?.['x-client-data']
      ? [details('Client data (<code>x-client-data</code>)', content['x-client-data'])]
      : []),
    ...answers,
  ].join('\n');
}

const details = (title: string, value: unknown): string =>
  `<details><summary>${title}</summary><pre>${escaped(JSON.stringify(value, null, 2))}</pre></details>`;

/** Words between backticks are code, as in Markdown. */
const prose = (text: string): string => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
