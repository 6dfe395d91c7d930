import { AttestationError, AttestationServiceError } from '../errors.ts';
import type { RevocationList } from '../key-attestation/revocation-list.ts';
import { type KeyAttestationFacts, verifyKeyAttestation } from '../key-attestation/verify.ts';
import type { IntegrityPayload } from '../play-integrity/payload.ts';
import { checkIntegrityBinding } from '../play-integrity/verify.ts';
import type {
  EnrolmentInput,
  Evaluation,
  Evaluator,
  VendorService,
  VendorSignals,
} from './enrolment-input.ts';
import type { Findings } from './findings.ts';
import { checkIntegrity, integritySignals } from './integrity-checks.ts';
import { checkKeyAttestation, isCustomSystem } from './key-attestation-checks.ts';
import type { AndroidApp, AndroidRule } from './schema.ts';

/**
 * Judges a key attestation and a Play Integrity token. Throws AttestationError where one is not
 * genuine, AttestationServiceError where a service fails and the rule has no grace for it.
 */
export const evaluateAndroid: Evaluator<AndroidApp, AndroidRule> = async (
  input,
  app,
  rule,
  findings,
) => {
  const { evidence, clientDataHash, now, trust } = input;
  if (evidence.format === 'none') {
    findings.record('attestation-missing', rule.unsupported, false);
    return { device: undefined, assurance: 'none' };
  }
  if (evidence.format !== 'android-key') throw new AttestationError('format-unknown');
  const facts = await verifyKeyAttestation({
    x5c: evidence.x5c,
    challenge: clientDataHash,
    trustAnchors: trust.keyAttestation,
    revocationList: await revocationList(input, rule, findings),
    now,
  });
  checkKeyAttestation(findings, facts, app, rule, now);
  // A device that is refused anyway spends none of Google's quota.
  const payload = findings.refusal
    ? undefined
    : await evaluateIntegrity(input, evidence.integrityToken, app, rule, facts, findings);
  const { publicKey, serialNumbers } = facts;
  return {
    // Every phone's leaf has the same one.
    device: { publicKey, environment: 'production', serialNumbers: serialNumbers.slice(1) },
    assurance: assuranceOf(facts, findings),
    signals: { ...keySignals(facts), ...(payload && integritySignals(payload)) },
    // Who has not turned device recall on has no marks to write.
    ...(rule.playIntegrity.marksPhones &&
      payload?.deviceIntegrity.deviceRecall && { recallToken: evidence.integrityToken }),
  };
};

function keySignals({ provisioning, certificatesIssued }: KeyAttestationFacts): VendorSignals {
  return { provisioning, ...(certificatesIssued !== undefined && { certificatesIssued }) };
}

function assuranceOf(facts: KeyAttestationFacts, findings: Findings): Evaluation['assurance'] {
  if (facts.securityLevel === 'SOFTWARE') return 'none';
  if (!findings.allHeld) return 'basic';
  return facts.securityLevel === 'STRONG_BOX' ? 'strong' : 'hardware';
}

async function revocationList(
  input: EnrolmentInput,
  rule: AndroidRule,
  findings: Findings,
): Promise<RevocationList | undefined> {
  try {
    return await input.services.revocationList();
  } catch (error) {
    await tolerateOutage(error, 'revocationList', input, rule, findings);
    return undefined;
  }
}

async function evaluateIntegrity(
  input: EnrolmentInput,
  token: string | undefined,
  app: AndroidApp,
  rule: AndroidRule,
  facts: KeyAttestationFacts,
  findings: Findings,
): Promise<IntegrityPayload | undefined> {
  const { token: setting, maxAgeSeconds, allowTestingResponses } = rule.playIntegrity;
  if (setting.mode === 'off') return undefined;
  const { rootOfTrust } = facts.keyDescription.hardwareEnforced;
  const excused = token === undefined && isCustomSystem(rootOfTrust, rule);
  findings.record('integrity-missing', setting, token !== undefined || excused);
  if (token === undefined) return undefined;
  try {
    const payload = await input.services.openIntegrityToken(app.packageName, token);
    checkIntegrityBinding({
      payload,
      clientDataHash: input.clientDataHash,
      packageName: app.packageName,
      now: input.now,
      maxAgeSeconds,
      allowTestingResponses,
    });
    checkIntegrity(findings, payload, app, rule);
    return payload;
  } catch (error) {
    if (error instanceof AttestationError) {
      findings.record(error.code, setting, false);
      return undefined;
    }
    await tolerateOutage(error, 'playIntegrity', input, rule, findings);
    return undefined;
  }
}

/** Passes over the failure of a service for as long as the rule's outage mode says; rethrows otherwise. */
async function tolerateOutage(
  error: unknown,
  service: VendorService,
  { services, now }: EnrolmentInput,
  rule: AndroidRule,
  findings: Findings,
): Promise<void> {
  if (!(error instanceof AttestationServiceError)) throw error;
  const since = (await services.failingSince(service)) ?? now;
  const graceMs = rule.outage[service].graceSeconds * 1000;
  if (graceMs === 0 || now.getTime() - since.getTime() > graceMs) throw error;
  findings.record('service-outage', { mode: 'monitor' }, false, service);
}
