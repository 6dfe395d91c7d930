import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { iphone, policyOf, type Rule } from '../../../test/attestation/enrolment.ts';
import type {
  AppAttestOverrides,
  VirtualAppAttestOptions,
} from '../../../test/virtual-phones/app-attest.ts';
import type { CborInput } from '../../../test/virtual-phones/cbor.ts';
import type { AttestationErrorCode } from '../errors.ts';
import { evaluateEnrolment } from './evaluate.ts';
import { checkRiskMetric } from './running-app-checks.ts';
import { iosRule } from './schema.ts';

describe('an iPhone', () => {
  it('is accepted by a policy that names nothing, with all that was checked', async () => {
    const verdict = await evaluateEnrolment(await iphone());
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
    expect(verdict.findings).toEqual([
      { check: 'receipt-invalid', mode: 'enforce', held: true },
      { check: 'launch-category', mode: 'enforce', held: true },
    ]);
  });

  const category = (value: number) => ({
    extensions: new Map<string, CborInput>([
      ['apple_validation_category_01', value],
      ['apple_bundle_version_01', '7'],
    ]),
  });
  const refusals: readonly (readonly [
    AttestationErrorCode,
    Rule,
    AppAttestOverrides,
    Partial<VirtualAppAttestOptions>,
  ])[] = [
    ['environment-not-allowed', {}, {}, { environment: 'development' }],
    ['nonce-mismatch', {}, { nonce: randomBytes(32) }, {}],
    ['receipt-invalid', {}, { receipt: randomBytes(99) }, {}],
    ['launch-category', {}, {}, category(3)],
    ['launch-category', { launchCategory: { required: true } }, {}, {}],
    ['bundle-version', { bundleVersion: { mode: 'enforce', allowed: ['8'] } }, {}, category(4)],
  ];
  it.each(refusals)('is refused: %s (%j)', async (cause, rule, overrides, options) => {
    const verdict = await evaluateEnrolment(await iphone(rule, overrides, options));
    expect(verdict).toMatchObject({ outcome: 'refused', cause });
  });

  it('is accepted with what is only monitored amiss, at a lower assurance', async () => {
    const rule = { launchCategory: { mode: 'monitor' }, receipt: { mode: 'monitor' } };
    const receipt = randomBytes(99);
    const verdict = await evaluateEnrolment(await iphone(rule, { receipt }, category(3)));
    expect(verdict).toMatchObject({
      outcome: 'accepted',
      assurance: 'basic',
      findings: [
        { check: 'receipt-invalid', held: false, observed: 'receipt-malformed' },
        { check: 'launch-category', held: false, observed: '3' },
      ],
    });
  });

  it('without App Attest is refused, or scored, as the policy says', async () => {
    const input = { ...(await iphone()), evidence: { format: 'none' } } as const;
    const verdict = await evaluateEnrolment(input);
    expect(verdict).toMatchObject({ outcome: 'refused', cause: 'attestation-missing' });
    const policy = policyOf({ unsupported: { mode: 'monitor' } }, {});
    const accepted = await evaluateEnrolment({ ...input, policy });
    expect(accepted).toMatchObject({ outcome: 'accepted', assurance: 'none' });
  });

  it('has a risk metric that is a finding and by itself no refusal', () => {
    const rule = iosRule.parse({});
    expect(checkRiskMetric(rule, 3)).toMatchObject({ held: true, mode: 'monitor' });
    expect(checkRiskMetric(rule, 11)).toMatchObject({
      check: 'risk-metric-high',
      held: false,
      observed: '11',
    });
  });
});
