import { ASVS, type Control } from './asvs.ts';
import { MASVS } from './masvs.ts';

/** docs/compliance.md: the tables of evidence, and what is said of privacy and export. */
export function compliancePage(): string {
  return `# Compliance

Made from \`scripts/compliance/\` by \`npm run docs\`; a test checks that every file and every test that is named exists. This
is a self-assessment: nobody certified anything. "no" means no.

## OWASP ASVS 5.0 (backend)

${table(ASVS)}

## OWASP MASVS 2 (SDK)

The SDK supports an app that wants to comply; the app answers for itself.

${table(MASVS)}

## Personal data (GDPR, CCPA)

| what | where | why | how long |
|---|---|---|---|
| pseudonym of the user: keyed hash of issuer and subject | all records below | to know the same user again | with its record |
| enrolled device: public key, platform, app version, attestation result, pseudonym | Firestore \`devices\` | to verify the device's proofs | until retired |
| grants: pseudonym, device, model, time | Firestore \`grants\` | renewal, tracing of leaks | 90 days |
| limits, spent challenges | Firestore \`limits\`, \`challenges\` | to enforce them | minutes |
| evidence and restrictions | Firestore \`risk\`, \`blocklist\` | to stop theft | until they have faded |
| events: pseudonym, device, keyed hash of the network (/24, /48), app version, what happened | Pub/Sub, BigQuery | fraud detection, security | 396 days |
| IP address | load balancer's logs only | defence against floods | as the log bucket keeps them, 30 days by default |

No e-mail, name, advertising id, location or raw address is stored by the functions. The legal basis that fits is
legitimate interest in preventing theft (GDPR art. 6(1)(f), recital 47); scoring decides automatically, so people need a
way to object (art. 22): blocks end by themselves, and operators can lift them with their reasons in view. Access and
erasure go by the pseudonym, which the operator computes from issuer and subject. Data stays in the region of the
deployment. Nothing is sold. The controller's own record, notice and assessment (art. 13, 30, 35) are the operator's.

## Export of encryption

The SDK encrypts with AES-256, P-256 and ML-KEM-768, by published standards, to protect content. In the United States
such software is commonly classified 5D992 as mass market after a self-classification report, and App Store Connect asks
whether an app uses encryption; published source has rules of its own. That is an orientation, not advice: whoever ships
an app has it checked, also for France and other countries of import.
`;
}

function table(controls: readonly Control[]): string {
  const rows = controls.map(({ id, words, status, evidence, note }) => {
    const shown = evidence.map(({ file, test }) => `\`${file}\`${test ? `: ${test}` : ''}`);
    return `| ${id} | ${words} | ${status} | ${[...shown, ...(note ? [note] : [])].join('; ')} |`;
  });
  return [
    '| control | in words | | evidence, or what is missing |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}
