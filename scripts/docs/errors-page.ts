import { ERRORS, type ErrorCode, problemOf, ServiceError } from '../../functions/errors.ts';

/** docs/mobile/errors.md, from the table of errors. */
export function errorsPage(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
    const { status, title, detail, advice } = problemOf(new ServiceError(code), '…');
    return `| \`${code}\` | ${status} | ${title} | ${advice ?? ''} | ${detail} |`;
  });
  return `# Errors

Made from \`functions/errors.ts\` by \`npm run docs\`.

Every refusal is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), \`application/problem+json\`:
\`type\`, \`title\`, \`status\`, \`detail\`, and our members \`code\`, \`requestId\`, \`advice\`, \`retryAfterSeconds\` and, for
\`request_invalid\`, \`errors\` (a list of \`pointer\`, RFC 6901, and \`detail\`). Decide on \`code\`, never on the words. Why an
attestation or a proof was refused is in our event stream and nowhere else: a forger would learn from it.

\`advice\` is what the app does next: \`retry\` (after \`retryAfterSeconds\` where given, else with exponential backoff and
jitter; after \`token_invalid\` with a fresh token, after a refused challenge with a fresh one), \`reattest\` (enrol with a
new key), \`update\` (the app is too old), \`unsupported\` (this device gets no models; do not ask again).

| code | status | title | advice | detail |
|---|---|---|---|---|
${rows.join('\n')}
`;
}
