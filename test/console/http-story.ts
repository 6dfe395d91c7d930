/** What operators do in the console, by the calls of its page: without a browser, as in the demo. */
import { randomBytes } from 'node:crypto';
import { readModel, releaseOf } from '../../functions/catalogue/model-record.ts';
import type { Stack } from '../stack/stack.ts';
import { type OperatorClient, operatorClient } from '../support/console-access.ts';
import { mustBe, type Story } from '../support/story.ts';

/** Signs an operator in at the stack's console. */
export const signedIn = (stack: Stack, name: string): Promise<OperatorClient> =>
  operatorClient(
    stack.consoleUrl,
    { token: (subject, options) => stack.token(subject, options?.claims) },
    name,
    {},
    stack.consoleUrl,
  );

/** Tells of a model that is rolled back, and of somebody whom the rules blocked and people set free. */
export async function tellConsoleCalls(story: Story, stack: Stack, model: string): Promise<void> {
  await story.step(
    'A publisher rolls back in the console; who signs is another function',
    async () => {
      const { call } = await signedIn(stack, 'publisher');
      const record = async () => {
        const data = await stack.clients.documents.get(`models/${model}`);
        return data && releaseOf(readModel(data));
      };
      const serial = (await record())?.serial ?? 0;
      const orderId = `o_${randomBytes(16).toString('base64url')}`;
      const order = { orderId, act: 'rollBack', version: null, serial, reason: 'fails on phones' };
      const path = `/v1/admin/models/${model}/orders`;
      mustBe((await call('POST', path, order)).ok, 'the order is taken');
      const since = performance.now();
      await until(async () => (await record())?.rules.length === 1);
      const after = await record();
      mustBe(after?.serial === serial + 1, 'one new record');
      return `record ${after?.serial}: version ${after?.rules[0]?.name} for all, ${Math.round(performance.now() - since)} ms after the order`;
    },
  );

  await story.step(
    'A case is reviewed and undone in the console, each with its reason',
    async () => {
      const { call } = await signedIn(stack, 'operator');
      const { cases } = (await (await call('GET', '/v1/admin/cases')).json()) as Cases;
      const found = cases.find(({ action, decisionId }) => action === 'block' && decisionId);
      if (!found) throw new Error('nobody is blocked');
      const subject = `/v1/admin/subjects/${found.subject}`;
      const { decisionId } = found;
      const verdict = { decisionId, verdict: 'good', reason: 'a tester of ours' };
      mustBe((await call('POST', '/v1/admin/verdicts', verdict)).ok, 'the verdict is taken');
      const undo = { act: 'undo', reason: 'a tester of ours' };
      mustBe((await call('POST', `${subject}/acts`, undo)).ok, 'the block is undone');
      const view = (await (await call('GET', subject)).json()) as View;
      mustBe(view.active.block === undefined, 'no block is left');
      const acts = view.timeline.filter(({ kind }) => kind === 'act').map(({ what }) => what);
      mustBe(acts.includes('unblock') && acts.includes('label good'), 'both are in the audit log');
      return `${found.rules[0]}: a false positive; the subject is free, and its timeline says by whom`;
    },
  );
}

interface Cases {
  readonly cases: readonly {
    readonly subject: string;
    readonly action: string;
    readonly decisionId: string | null;
    readonly rules: readonly string[];
  }[];
}

interface View {
  readonly active: { readonly block?: unknown };
  readonly timeline: readonly { readonly kind: string; readonly what: string }[];
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let wait = 0; wait < 300; wait += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the order is not carried out');
}
