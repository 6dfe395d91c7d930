import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { iphone, policyOf, type Rule } from '../../../test/attestation/enrolment.ts';
import type {
  AppAttestOverrides,
  VirtualAppAttestOptions,
} from '../../../test/virtual-phones/app-attest.ts';
import type { CborInput } from '../../../test/virtual-phones/cbor.ts';
import type { DeviceCheckBits } from '../app-attest/device-check-client.ts';
import { AttestationError, type AttestationErrorCode, AttestationServiceError } from '../errors.ts';
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

  describe('whose policy looks at DeviceCheck', () => {
    const token = Buffer.alloc(48, 1).toString('base64');
    const bits = { bit0: true, bit1: false, writtenMonth: 202_611 };
    /** What Apple answers, and what it was asked. */
    async function judged(
      mode: 'off' | 'monitor' | 'enforce',
      deviceToken: string | undefined,
      answer: () => Promise<DeviceCheckBits>,
      more: Rule = {},
    ) {
      const asked: unknown[] = [];
      const input = await iphone({ deviceCheck: { mode }, ...more });
      const evidence = { ...input.evidence, ...(deviceToken && { deviceToken }) };
      const queryTwoBits = async (of: unknown) => {
        asked.push(of);
        return answer();
      };
      const services = { ...input.services, queryTwoBits };
      const verdict = await evaluateEnrolment({ ...input, services, evidence } as typeof input);
      return { verdict, asked };
    }
    const fails = (error: Error) => () => Promise.reject(error);

    it('asks nothing where it is off, whatever comes along', async () => {
      const { verdict, asked } = await judged('off', token, async () => bits);
      expect(asked).toEqual([]);
      expect(verdict).toMatchObject({ outcome: 'accepted', signals: {}, recallToken: undefined });
    });

    it('tells what Apple remembers, and by which token to write it', async () => {
      const { verdict, asked } = await judged('monitor', token, async () => bits);
      expect(asked).toEqual([{ environment: 'production', token }]);
      const signals = { deviceCheck: 'bit0', deviceCheckMonth: 202_611 };
      expect(verdict).toMatchObject({ outcome: 'accepted', signals, recallToken: token });
      const never = { bit0: false, bit1: false, writtenMonth: null };
      const fresh = await judged('monitor', token, async () => never);
      expect(fresh.verdict).toMatchObject({ signals: { deviceCheck: '' }, recallToken: token });
    });

    it('does not take silence for a good word: a missing or refused token is said, or refused', async () => {
      const refused = fails(new AttestationError('device-token-refused'));
      const missing = ['device-token-missing', undefined, async () => bits, 'missing'] as const;
      for (const [check, sent, answer, deviceCheck] of [
        missing,
        ['device-token-refused', token, refused, 'refused'] as const,
      ]) {
        const watched = (await judged('monitor', sent, answer)).verdict;
        expect(watched).toMatchObject({ signals: { deviceCheck }, recallToken: undefined });
        expect(watched.findings).toContainEqual({ check, mode: 'monitor', held: false });
        const enforced = (await judged('enforce', sent, answer)).verdict;
        expect(enforced).toMatchObject({ outcome: 'refused', cause: check });
      }
    });

    it.each(['unavailable', 'throttled', 'unauthorised', 'unexpected-answer'] as const)(
      'refuses nobody, and writes over nothing, where Apple is %s',
      async (code) => {
        const outage = fails(new AttestationServiceError(code, 'down'));
        const { verdict } = await judged('enforce', token, outage);
        const signals = { deviceCheck: code };
        expect(verdict).toMatchObject({ outcome: 'accepted', signals, recallToken: undefined });
      },
    );

    it('spends no token of a phone that is refused anyway', async () => {
      const { asked } = await judged('monitor', token, async () => bits, {
        launchCategory: { required: true },
      });
      expect(asked).toEqual([]);
    });
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
