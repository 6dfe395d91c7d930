import { type Control, controlsOf, evidenceOf } from '../../test/compliance/controls.ts';

/** docs/ops/compliance.md: the tables of evidence, and what is said of privacy and export. */
export function compliancePage(): string {
  const asvs = controlsOf('asvs');
  return `# Compliance

Made from \`docs/ops/asvs.yaml\` and \`docs/ops/masvs.yaml\` by \`npm run docs\`; a test checks that every file and every test
that is named exists. This is a
self-assessment: nobody certified anything. "no" means no; "partly" says what is missing.

## OWASP ASVS 5.0.0, levels 1 and 2 (backend)

All ${asvs.length} requirements of both levels: ${tally(asvs)}. Level 3 is not claimed.

${table(asvs)}

## OWASP MASVS 2.1.0 (SDK)

The SDK supports an app that wants to comply; the app answers for itself.

${table(controlsOf('masvs'))}

## Personal data (GDPR, CCPA)

| what | where | why | how long |
|---|---|---|---|
| pseudonym of the user: keyed hash of issuer and subject | all records below | to know the same user again | with its record |
| enrolled device: public key, platform, app version, attestation result, pseudonym | Firestore \`devices\` | to verify the device's proofs | until retired; of a retired one no key, receipt or fact of the phone, and the rest for 90 days |
| grants: pseudonym, device, network hash, model, time | Firestore \`grants\` | renewal, [tracing of leaks](../analysts/tracing.md) | 90 days; after an erasure only the id and the time |
| ledger of grants: random grant id, time, salted commitment | Firestore \`ledger\` | evidence of what was granted | for good; names nobody once the grant's salt is erased |
| tally: pseudonym, models ever taken, when first; which rare ones went to a device that no other one approved, for 30 days | Firestore \`tallies\` | how much new a user may take; what he had is never new; whether accounts were taken over | 400 days after the last use; after an erasure the days alone, 180 days |
| sessions of operators in the console: their address, when they signed in; a hash of the cookie | Firestore \`sessions\` | to let operators work | at most 12 hours, and a day until it is deleted |
| restrictions by rule and version of the app: pseudonyms | Firestore \`breakers\` | to notice mistakes of ours | 29 days, of a user who was erased too: what is held back from others follows from how many there were, and a name alone is left of him |
| what is usual: models and counts, nobody's | Firestore \`campaigns\` | to notice campaigns | kept up to date |
| marks of a phone: how many accounts, whether one was blocked; of an iPhone, Apple's risk metric | at Google (device recall) and at Apple (DeviceCheck, for the developer's team), if turned on: off by default, and consent may be asked for first; Firestore \`devices\` | phones beyond accounts | ignored after the month that follows the last one written |
| quota of the day: grants, models | Firestore \`limits\` | plans | until midnight UTC |
| erasure: pseudonym, times | Firestore \`erasures\` | to carry it out, and that it is no way to start collecting anew | 31 days |
| names given up in a rotation of the pseudonym secret, and those in their place | Firestore \`pseudonyms\` | late events find their user | 40 days |
| acts of operators: pseudonym, author, reason | Firestore \`audit\` | accountability | 400 days |
| leaks that operators brought: author, reason; of those whom they name, pseudonym and device | Firestore \`leaks\`, bucket \`leaks\` | [tracing of leaks](../analysts/tracing.md) | the file until it is traced, the rest 7 days; also of a user who was erased meanwhile |
| revision of a user's list of models: pseudonym, random value | Firestore \`catalogues\` | to tell that the list has not changed | until the user is erased |
| limits, spent challenges | Firestore \`limits\`, \`challenges\` | to enforce them | minutes; those of enrolments and exports a day |
| evidence and restrictions | Firestore \`risk\`, \`blocklist\` | to stop theft | until they have faded |
| events: pseudonym, device, keyed hash of the network (/24, /48), app version, what happened | Pub/Sub, BigQuery | fraud detection, security | 396 days |
| events that Pub/Sub did not take | Firestore \`outbox\` | fraud detection, security | until it takes them, 14 days at most |
| IP address | load balancer's logs only | defence against floods | as the log bucket keeps them, 30 days by default |

No e-mail, name, advertising id, location or raw address is stored by the functions. The legal basis that fits is
legitimate interest in preventing theft (GDPR art. 6(1)(f), recital 47); scoring decides automatically, so people need a
way to object (art. 22): blocks end by themselves, and operators can lift them with their reasons in view. Data stays in
the region of the deployment. Nothing is sold. The controller's own record, notice and assessment (art. 13, 30, 35) are the operator's.

**Access** (art. 15, CCPA 1798.110): \`GET /v1/me\` gives all of it as JSON, without scores and rules, which would teach
thieves (recital 63); that a restriction is in force and when it ends is in it.
Where there are more than 20,000 grants the answer says that it is not complete. Operators export the rest.

**Erasure** (art. 17, CCPA 1798.105): \`DELETE /v1/me\`. Devices, personal models with their bytes in the vault and those that
wait in intake, sealed objects, limits, evidence, what networks remember of the user, events that wait in the outbox, and the personal fields
of grants go within minutes. What stays, under the keyed pseudonym:

- a block, throttle or demand for attestation that is in force, until its end: legitimate interest against fraud (art. 6(1)(f),
  17(1)(c)); else erasing would lift it;
- the record of the erasure, 31 days. A second erasure within them lets nobody enrol before their end: else a collector could
  start anew each day;
- on which days models were taken, not which, and the end of the last block, 180 days: the same interest; else seven models
  could be taken after each erasure, without end. The answer to the request says until when;
- acts of operators in the audit log, 400 days (art. 5(2));
- what a leak was found to name, 7 days: legal claims (art. 17(3)(e));
- events and decisions in BigQuery, 396 days, and dead letters, 31 days: security of processing; docs/ops/operations.md has the
  statement that deletes them earlier;
- backups of the database, 14 days, and its point-in-time recovery, 7 days: erase again after a restore.

## Export of encryption

The SDK encrypts with AES-256, P-256 and ML-KEM-768, by published standards, to protect content. In the United States
such software is commonly classified 5D992 as mass market after a self-classification report, and App Store Connect asks
whether an app uses encryption; published source has rules of its own. That is an orientation, not advice: whoever ships
an app has it checked, also for France and other countries of import.
`;
}

function tally(controls: readonly Control[]): string {
  const counts = Map.groupBy(controls, ({ status }) => status);
  return [...counts].map(([status, those]) => `${those.length} ${status}`).join(', ');
}

function table(controls: readonly Control[]): string {
  const rows = controls.map(({ id, title, status, evidence, note }) => {
    const shown = evidence
      .map(evidenceOf)
      .map(({ file, test }) => `\`${file}\`${test ? `: ${test}` : ''}`);
    return `| ${id} | ${title} | ${status} | ${[...shown, ...(note ? [note] : [])].join('; ')} |`;
  });
  return [
    '| control | in our words | | evidence, or what is missing |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}
