import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const DEBIANS_CHROMIUM = '/usr/bin/chromium';

/** Beside what playwright-core sets: a fresh profile, no first run, no background traffic. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // The page is on loopback; no other name or address is to be found.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Throws with advice where there is no Chromium at `CHROMIUM_PATH`, or at Debian's path. */
export function startChromium(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? DEBIANS_CHROMIUM;
  try {
    accessSync(executablePath, constants.X_OK);
  } catch (cause) {
    throw new Error(
      `no Chromium at ${executablePath}: apt-get install chromium, or set CHROMIUM_PATH`,
      { cause },
    );
  }
  return chromium.launch({ executablePath, args: FLAGS, headless: true });
}
