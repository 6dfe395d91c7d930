import { verifyAttestation } from '../app-attest/attestation.ts';
import { verifyReceipt } from '../app-attest/receipt.ts';
import { AttestationError } from '../errors.ts';
import type { Evaluator } from './enrolment-input.ts';
import { checkLaunch } from './running-app-checks.ts';
import type { IosApp, IosRule } from './schema.ts';

/** Judges an App Attest attestation. Throws AttestationError where it is not genuine. */
export const evaluateIos: Evaluator<IosApp, IosRule> = async (input, app, rule, findings) => {
  const { evidence, clientDataHash, now, trust } = input;
  if (evidence.format === 'none') {
    findings.record('attestation-missing', rule.unsupported, false);
    return { device: undefined, assurance: 'none' };
  }
  if (evidence.format !== 'apple-appattest') throw new AttestationError('format-unknown');
  const verdict = await verifyAttestation({
    attestationObject: evidence.attestationObject,
    keyId: evidence.keyId,
    clientDataHash,
    apps: [app],
    environments: rule.environments,
    trustAnchors: trust.appAttest,
    now,
  });
  if (rule.receipt.mode !== 'off') {
    const failure = await receiptFailure(() =>
      verifyReceipt({
        receipt: verdict.receipt,
        appId: input.appId,
        publicKey: verdict.publicKey,
        trustAnchors: trust.appleReceipt,
        now,
      }),
    );
    findings.record('receipt-invalid', rule.receipt, failure === undefined, failure);
  }
  checkLaunch(findings, verdict.extensions, rule);
  const { publicKey, environment, receipt } = verdict;
  const sound = environment === 'production' && findings.allHeld;
  return { device: { publicKey, environment, receipt }, assurance: sound ? 'strong' : 'basic' };
};

async function receiptFailure(verified: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await verified();
    return undefined;
  } catch (error) {
    if (error instanceof AttestationError) return error.code;
    throw error;
  }
}
