/** A publisher at work in the console: a rollout that is paused, goes on and ends, and an older version for all. */
import type { Browser, Page } from 'playwright-core';
import { readModel, releaseOf } from '../../functions/catalogue/model-record.ts';
import type { Stack } from '../stack/stack.ts';
import { mustBe, type Story } from '../support/story.ts';

interface Tools {
  readonly stack: Stack;
  readonly browser: Browser;
  readonly openPage: (browser: Browser, url: string) => Promise<{ readonly page: Page }>;
  readonly signIn: (page: Page, name: string) => Promise<void>;
  readonly look: (page: Page, name: string) => Promise<string>;
}

/** Tells the story of the model `sky`, whose version 1.2.0 is at 5 %. */
export async function tellRelease(
  story: Story,
  { stack, browser, openPage, signIn, look }: Tools,
): Promise<void> {
  const { page } = await openPage(browser, stack.consoleUrl);
  const record = async () => {
    const data = await stack.clients.documents.get('models/sky');
    return data && releaseOf(readModel(data));
  };
  /** Presses a button, gives a reason, and waits until the page says that it was carried out. */
  const order = async (button: string, confirm: string, reason: string): Promise<number> => {
    const began = performance.now();
    await page.getByRole('button', { name: button }).click();
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('dialog').getByRole('button', { name: confirm }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.locator('tr', { hasText: reason }).getByText('Done').waitFor();
    return Math.round(performance.now() - began);
  };

  await story.step('A publisher sees how a rollout goes on the phones that report', async () => {
    await page.goto(stack.consoleUrl);
    await signIn(page, 'publisher');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.goto(`${stack.consoleUrl}/#/models`);
    await page.getByText('4 of 200').first().waitFor();
    await page.getByText('100 halt it').waitFor();
    return '4 of 200 failed, as before';
  });

  await story.step('He pauses it, and the record that phones follow says so', async () => {
    const tookMs = await order('Pause 1.2.0', 'Pause', 'waiting for the support team');
    mustBe((await record())?.rules[0]?.paused !== undefined, 'it is paused');
    await look(page, 'release-paused');
    return `signed and shown ${tookMs} ms later`;
  });

  await story.step(
    'He goes on with it, and then takes everybody back to an old version',
    async () => {
      await order('Resume 1.2.0', 'Resume', 'the team is ready');
      mustBe((await record())?.rules[0]?.paused === undefined, 'it goes on');
      await order('Roll back sky to 1.0.0', 'Roll back', 'wrong labels in both');
      const rules = (await record())?.rules ?? [];
      mustBe(rules.length === 1 && rules[0]?.name === '1.0.0', 'version 1.0.0 for all');
      return look(page, 'release-rolled-back');
    },
  );
  await page.close();
}
