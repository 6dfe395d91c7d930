/** The console in a real browser, against the local stack: the main job of each page, without violations of accessibility. */
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Locator, Page } from 'playwright-core';
import { consoleFiles } from '../../console/build.ts';
import { startChromium } from '../inference/chromium.ts';
import { seedConsole } from '../stack/console-demo.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { addressOf } from '../support/console-access.ts';
import { mustBe, type Story } from '../support/story.ts';
import { tellLeak } from './leak-story.ts';
import { tellRelease } from './release-story.ts';

/** Where the pictures are kept for a person to look at. */
export const SCREENSHOTS = '.console-screenshots';
const MAX_SCRIPT_BYTES = 250_000;
const SIZES = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 390, height: 844 },
} as const;

/** Pages by the names of their pictures, and what must be on them. */
const PAGES: readonly (readonly [name: string, hash: string, text: string])[] = [
  ['overview', '#/', 'limit.hit'],
  ['cases', '#/cases', 'Restrictions by the rules'],
  ['models', '#/models', 'Rollout of'],
  ['rules', '#/rules', 'budget-hammered'],
  ['leaks', '#/leaks', 'Nobody brought a file'],
  ['health', '#/health', 'Signing keys'],
];

const isSeen = (what: Locator): Promise<boolean> =>
  what.waitFor({ timeout: 6_000 }).then(
    () => true,
    () => false,
  );

/** Tells the story. Everything it starts has ended when it returns. */
export async function tellConsole(story: Story): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await using started = new AsyncDisposableStack();
  let console:
    | { readonly stack: Stack; readonly browser: Browser; readonly thief: string }
    | undefined;
  await story.step(
    'A stack with a case for somebody to look at starts, and a browser',
    async () => {
      const stack = await startStack({ inMemory: true });
      started.defer(() => stack.stop());
      const thief = await seedConsole(stack, stack.operator);
      const browser = await startChromium();
      started.defer(() => browser.close());
      await untilRestricted(stack, thief);
      console = { stack, browser, thief };
      return stack.consoleUrl;
    },
  );
  if (!console) return;
  const { stack, browser, thief } = console;
  const { page, errors } = await openPage(browser, stack.consoleUrl);

  await story.step('The script is no larger than its budget', async () => {
    const script = (await consoleFiles()).get('console.js') ?? new Uint8Array();
    const size = gzipSync(script).byteLength;
    mustBe(size > 0 && size <= MAX_SCRIPT_BYTES, `${size} of ${MAX_SCRIPT_BYTES} bytes`);
    return `${Math.round(size / 1000)} kB gzipped`;
  });

  await story.step('An operator signs in by the local provider', async () => {
    await page.goto(stack.consoleUrl);
    await look(page, 'sign-in');
    await signIn(page, 'operator');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    mustBe(!page.url().includes('id_token'), 'no token stays in the address');
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]),
    );
    mustBe(kept === '[{},{},""]', `nothing stays where scripts can read: ${kept}`);
    const paint = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
    );
    return `first view after ${Math.round(paint)} ms`;
  });

  for (const [name, hash, text] of PAGES) {
    await story.step(`The page ${name} shows what it is for`, async () => {
      await page.goto(`${stack.consoleUrl}/${hash}`);
      const shown = page.getByText(text).first();
      // What was refused is counted some seconds after it was: event-counts.ts.
      for (let tries = 4; tries > 0 && !(await isSeen(shown)); tries--) await page.reload();
      await shown.waitFor();
      return look(page, name);
    });
  }

  await story.step(
    'What copies took and cost is on the overview, by what was counted',
    async () => {
      await page.goto(`${stack.consoleUrl}/#/`);
      const tile = async (name: string) => {
        const value = page.locator('.tile', { hasText: name }).locator('.value');
        return (await value.textContent()) ?? '';
      };
      const [half, most] = [await tile('A copy took'), await tile('95 % of copies')];
      mustBe(/^[\d,]+ ms$/.test(half) && /^[\d,]+ ms$/.test(most), `times: ${half}, ${most}`);
      mustBe((await tile('Grants cost')) === '< $0.01', 'a few grants cost little');
      const million = page.getByText(/A million such grants are \$\d+\.\d\d\./);
      const [sum] = /A million .+?\.\d\d/.exec((await million.textContent()) ?? '') ?? [];
      return `${half}, ${most}; ${sum}`;
    },
  );

  await story.step('A rule under trial is shown with its hits, and measures nobody', async () => {
    await page.goto(`${stack.consoleUrl}/#/rules`);
    const row = page.getByRole('row', { name: 'budget-hammered-hour' });
    await row.waitFor();
    const [, kind, , hits] = await row.getByRole('cell').allTextContents();
    mustBe(kind === 'Shadow' && Number(hits) > 0, `hits, not ${kind} ${hits}`);
    return `${hits} decisions that nothing followed from`;
  });

  await story.step('A case is reviewed: a false positive, with its reason', async () => {
    await page.goto(`${stack.consoleUrl}/#/cases`);
    await page
      .getByRole('button', { name: `Somebody good: ${thief}` })
      .first()
      .click();
    await page.getByLabel('Reason').fill('a tester of ours, says the ticket');
    await look(page, 'verdict');
    await page.getByRole('button', { name: 'It was somebody good' }).click();
    await page.getByText('False: somebody good').first().waitFor();
    return 'counts in the precision of the rule';
  });

  await story.step('The subject is shown with score, causes, devices and timeline', async () => {
    await page.goto(`${stack.consoleUrl}/#/subjects/${thief}`);
    await page.getByText('Block pending').waitFor();
    await page.getByText('budget-hammered').first().waitFor();
    return look(page, 'subject');
  });

  await story.step('Other numbers for a rule are tried, and the difference is shown', async () => {
    await page.goto(`${stack.consoleUrl}/#/rules`);
    await page.getByLabel('Without this rule').check();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('Block: who').click();
    const who = page.locator('details', { hasText: 'Block: who' });
    await who.locator(`a[href="#/subjects/${thief}"]`).waitFor();
    const shown = await look(page, 'rule-trial');
    await page.goto(`${stack.consoleUrl}/#/subjects/${thief}`);
    return shown;
  });

  await story.step('What is hard to undo wants a fresh sign-in, and comes back', async () => {
    await ageSessions(stack);
    await page.getByRole('button', { name: 'Undo and forgive' }).click();
    await page.getByLabel('Reason').fill('the rule was wrong');
    await page.getByRole('button', { name: 'Set free' }).click();
    await page.getByRole('button', { name: 'Sign in again' }).waitFor();
    await look(page, 'step-up');
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await page.getByRole('link', { name: addressOf('operator') }).click();
    await page.getByRole('button', { name: 'Undo and forgive' }).waitFor();
    return page.url().includes('/#/subjects/') ? 'on the same page' : 'elsewhere';
  });

  await story.step(
    'The restriction is undone, and the audit log says by whom and why',
    async () => {
      await page.getByRole('button', { name: 'Undo and forgive' }).click();
      await page.getByLabel('Reason').fill('the rule was wrong');
      await page.getByRole('button', { name: 'Set free' }).click();
      await page.getByText(`${addressOf('operator')}: the rule was wrong`).waitFor();
      mustBe((await page.getByText('Block pending').count()) === 0, 'no block is left');
      return look(page, 'undone');
    },
  );

  await story.step(
    'By keyboard alone: past the navigation, into a dialog and out of it',
    async () => {
      await page.goto(`${stack.consoleUrl}/#/cases`);
      await page.reload();
      await page.getByRole('heading', { name: 'Cases' }).waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      const focused = await page.evaluate(() => document.activeElement?.id);
      mustBe(focused === 'main', `the content has the focus, not ${focused}`);
      await page.goto(`${stack.consoleUrl}/#/subjects/${thief}`);
      await page.getByRole('button', { name: 'Block' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.press('Escape');
      mustBe((await page.getByRole('dialog').count()) === 0, 'Escape closes the dialog');
      return 'Tab, Enter and Escape';
    },
  );

  await story.step('A viewer sees figures, and no subject', async () => {
    const viewer = await openPage(browser, stack.consoleUrl);
    await viewer.page.goto(stack.consoleUrl);
    await signIn(viewer.page, 'viewer');
    await viewer.page.getByRole('heading', { name: 'Overview' }).waitFor();
    mustBe(
      (await viewer.page.getByRole('link', { name: 'Subjects' }).count()) === 0,
      'no way there',
    );
    await viewer.page.goto(`${stack.consoleUrl}/#/subjects/${thief}`);
    await viewer.page.getByText('Your roles do not include this page').waitFor();
    return 'role_missing';
  });

  await tellRelease(story, { stack, browser, openPage, signIn, look });
  await tellLeak(story, { stack, browser, openPage, signIn, look });

  await story.step('Signing out ends the session', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    return 'also after a reload';
  });

  await story.step('No page broke its policy or threw', async () => {
    mustBe(errors.length === 0, errors.join('; ') || 'nothing');
    return 'no error in the browser';
  });
}

async function openPage(
  browser: Browser,
  consoleUrl: string,
): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const page = await browser.newPage({ viewport: SIZES.desktop });
  page.setDefaultTimeout(30_000);
  const errors: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => {
    // Refusals are answers that pages expect.
    const isOurs = message.location().url.startsWith(consoleUrl);
    const isRefusal = /status of 40[13]/.test(message.text());
    if (message.type() === 'error' && isOurs && !isRefusal) errors.push(message.text());
  });
  return { page, errors };
}

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: addressOf(name) }).click();
}

/** Pictures in light and dark, wide and on a phone; throws where axe finds something. */
async function look(page: Page, name: string): Promise<string> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({
        path: join(SCREENSHOTS, `${name}-${size}-${colorScheme}.png`),
        fullPage: true,
      });
      const found = await violations(page);
      mustBe(found.length === 0, `${name}, ${size}, ${colorScheme}: ${found.join('; ')}`);
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    mustBe(overflow <= 0, `${name} is ${overflow} px too wide on a ${size}`);
  }
  await page.setViewportSize(SIZES.desktop);
  return 'axe finds nothing, wide and narrow, light and dark';
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

async function violations(page: Page): Promise<readonly string[]> {
  const source = await readFile(
    createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
    'utf8',
  );
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(`${source}; undefined`);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .map(({ html }) => html)
        .join(' ')
        .slice(0, 300)}`,
  );
}

/** Events are scored a moment after they are told. */
async function untilRestricted({ clients }: Stack, key: string): Promise<void> {
  for (let wait = 0; wait < 300; wait += 1) {
    if (await clients.documents.get(`blocklist/${key}`)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the rules restrict nobody');
}

/** As if every operator had signed in half an hour ago. */
async function ageSessions({ clients: { documents } }: Stack): Promise<void> {
  for (const { path, data } of await documents.query({ collection: 'sessions', limit: 100 })) {
    await documents.set(path, { ...data, signedInAt: new Date(Date.now() - 1_800_000) });
  }
}
