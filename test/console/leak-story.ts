/** An analyst at work in the console: a leaked file that is brought, traced by another function, and names a user. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Browser, Page } from 'playwright-core';
import { publishModel } from '../../functions/catalogue/publish-model.ts';
import { sourceOf } from '../../functions/formats/random-access.ts';
import { BUCKETS } from '../stack/local-environment.ts';
import type { Stack } from '../stack/stack.ts';
import { genuineIphone, phoneClient } from '../support/app-phone.ts';
import { openedCopy } from '../support/opened-copy.ts';
import { mustBe, type Story } from '../support/story.ts';

const SELFIE = 'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite';

interface Tools {
  readonly stack: Stack;
  readonly browser: Browser;
  readonly openPage: (browser: Browser, url: string) => Promise<{ readonly page: Page }>;
  readonly signIn: (page: Page, name: string) => Promise<void>;
  readonly look: (page: Page, name: string) => Promise<string>;
}

/** The copy of a traced model that this user's phone opens. */
async function leakOf(stack: Stack, subject: string): Promise<Buffer> {
  const bytes = await readFile(SELFIE);
  const model = { ...sourceOf(bytes), stream: () => Readable.from([bytes]) };
  const request = { modelId: 'selfie', version: '1.0.0', owner: null, model };
  const tracing = 'resistant' as const;
  await publishModel(stack.operator, { ...request, tracing }, stack.operator.now());
  const { client } = phoneClient({
    baseUrl: stack.baseUrl,
    platform: genuineIphone(stack),
    userToken: () => stack.token(subject),
  });
  const cloud = { clients: stack.clients, sealedBucket: BUCKETS.sealed };
  return Buffer.from((await openedCopy(cloud, client, 'selfie')).bytes);
}

/** Tells the story of a copy of `selfie` that somebody took out of his phone. */
export async function tellLeak(
  story: Story,
  { stack, browser, openPage, signIn, look }: Tools,
): Promise<void> {
  const { page } = await openPage(browser, stack.consoleUrl);
  const found = (text: string) => page.locator('tr', { hasText: text });
  const bring = async (name: string, buffer: Buffer, reason: string): Promise<void> => {
    await page.getByLabel('File').setInputFiles({ name, mimeType: '', buffer });
    await page.getByRole('button', { name: 'Trace', exact: true }).click();
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
    await found(reason).getByText('Waiting').waitFor();
    await stack.runScheduled('traces');
  };

  await story.step('An analyst brings a leaked file, and sees whose copy it is', async () => {
    const leak = await leakOf(stack, 'console-leaker');
    await page.goto(stack.consoleUrl);
    await signIn(page, 'analyst');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.goto(`${stack.consoleUrl}/#/leaks`);
    await bring('leaked.tflite', leak, 'found in an archive');
    const user = stack.operator.pseudonyms.user(stack.issuer, 'console-leaker');
    await found('found in an archive')
      .locator(`a[href="#/subjects/user_${user}"]`)
      .waitFor({ timeout: 60_000 });
    mustBe(!page.url().includes(user), 'nobody is named in the address');
    return look(page, 'leak-traced');
  });

  await story.step('The evidence is a file, and what is no model is refused', async () => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: /^Evidence of l_/ }).click();
    const evidence = JSON.parse(await readFile(await (await download).path(), 'utf8')) as {
      readonly named: readonly { readonly account: object | null }[];
    };
    mustBe(evidence.named.length === 1 && evidence.named[0]?.account !== null, 'one is named');
    await bring('notes.txt', Buffer.from('no model at all'), 'somebody sent it');
    await found('somebody sent it').getByText('no model file').waitFor({ timeout: 60_000 });
    return look(page, 'leak-refused');
  });
  await page.close();
}
