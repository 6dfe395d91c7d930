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

const chromiumPath = () => process.env['CHROMIUM_PATH'] ?? DEBIANS_CHROMIUM;

/** Whether there is a Chromium at `CHROMIUM_PATH`, or at Debian's path. */
export function hasChromium(): boolean {
  try {
    accessSync(chromiumPath(), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Throws with advice where there is none. */
export function startChromium(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (!hasChromium()) {
    throw new Error(
      `no Chromium at ${executablePath}: apt-get install chromium, or set CHROMIUM_PATH`,
    );
  }
  return chromium.launch({ executablePath, args: FLAGS, headless: true });
}
