import { ServiceError } from '../errors.ts';

/** An app of the configuration, as far as its version is concerned. */
export interface VersionedApp {
  /** Older ones are told to update; undefined where all are served. */
  readonly minAppVersion?: string | undefined;
}

/** Throws app_outdated for a version below the oldest that is served. */
export function requireCurrentApp(app: VersionedApp | undefined, appVersion: string): void {
  if (app?.minAppVersion && compareVersions(appVersion, app.minAppVersion) < 0) {
    throw new ServiceError('app_outdated');
  }
}

/** Dotted numbers, part by part; what is behind a hyphen or plus (a pre-release, a build) does not count. */
export function compareVersions(a: string, b: string): number {
  const parts = (version: string) =>
    (version.split(/[-+]/, 1)[0] ?? '').split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
