import { verifyAttestation } from '../app-attest/attestation.ts';
import type { DeviceCheckToken } from '../app-attest/device-check-client.ts';
import { verifyReceipt } from '../app-attest/receipt.ts';
import { AttestationError, AttestationServiceError } from '../errors.ts';
import type { EnrolmentServices, Evaluator, VendorSignals } from './enrolment-input.ts';
import type { Findings } from './findings.ts';
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
  const device = { publicKey, environment, receipt };
  const token = evidence.deviceToken && { environment, token: evidence.deviceToken };
  // A token is spent on nobody who is refused already.
  const refused = findings.refusal !== undefined;
  const marks = refused ? {} : await phoneMarks(token, input.services, rule, findings);
  return { device, assurance: sound ? 'strong' : 'basic', ...marks };
};

/**
 * What Apple remembers of the phone, as signals, and the token to write it by. The token is bound to
 * nothing that the app proves, so that another phone's may come: marks speak against a phone, and
 * neither their absence nor that of a token speaks for one.
 */
async function phoneMarks(
  token: DeviceCheckToken | '' | undefined,
  { queryTwoBits }: EnrolmentServices,
  { deviceCheck }: IosRule,
  findings: Findings,
): Promise<{ readonly signals?: VendorSignals; readonly recallToken?: string }> {
  if (deviceCheck.mode === 'off') return {};
  findings.record('device-token-missing', deviceCheck, Boolean(token));
  if (!token) return { signals: { deviceCheck: 'missing' } };
  try {
    const { bit0, bit1, writtenMonth } = await queryTwoBits(token);
    findings.record('device-token-refused', deviceCheck, true);
    const set = [...(bit0 ? ['bit0'] : []), ...(bit1 ? ['bit1'] : [])].join(',');
    const month = writtenMonth === null ? {} : { deviceCheckMonth: writtenMonth };
    return { signals: { deviceCheck: set, ...month }, recallToken: token.token };
  } catch (error) {
    if (error instanceof AttestationError) {
      findings.record('device-token-refused', deviceCheck, false);
      return { signals: { deviceCheck: 'refused' } };
    }
    if (!(error instanceof AttestationServiceError)) throw error;
    // It says nothing about the phone; and what was not read is not written over.
    return { signals: { deviceCheck: error.code } };
  }
}

async function receiptFailure(verified: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await verified();
    return undefined;
  } catch (error) {
    if (error instanceof AttestationError) return error.code;
    throw error;
  }
}
