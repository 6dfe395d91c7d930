/**
 * `npm run lockfile`, after a change of dependencies: makes package-lock.json good for every
 * platform and every registry. Download addresses go; and the builds for other platforms, which npm
 * leaves out where the registry at hand does not have them, are entered by the exact versions that
 * their parents name: without them `npm ci` refuses the lockfile.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { commandLine } from './terminal/command-line.ts';

commandLine('lockfile', 'Makes package-lock.json good for every platform and registry.').parse();

interface LockedPackage {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const FILE = 'package-lock.json';
const OS =
  /(?:^|[-/])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32|wasi)(?=$|-)/;
const CPU = /-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|x64|wasm32)(?=$|-)/;

const lock = JSON.parse(await readFile(FILE, 'utf8')) as {
  packages: Record<string, LockedPackage>;
};
let added = 0;
for (const parent of Object.values(lock.packages)) {
  delete parent.resolved;
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] || !/^\d+\.\d+\.\d+/.test(version)) continue;
    lock.packages[path] = {
      version,
      ...(parent.dev && { dev: true }),
      optional: true,
      ...platformOf(name),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
await writeFile(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} builds for other platforms entered`);

/** What a build runs on, as its name says. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const os = OS.exec(name)?.[1];
  const cpu = CPU.exec(name)?.[1];
  return {
    ...(os && os !== 'wasi' && { os: [os] }),
    ...(cpu && { cpu: [cpu] }),
    ...(/-musl/.test(name) && { libc: ['musl'] }),
  };
}
