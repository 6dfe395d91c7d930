/**
 * `modelseal doctor`: what goes wrong most in a deployment, each finding with the command that remedies
 * it. Works by the services that the functions use, so that it runs against the local stack, too;
 * what only a project of Google Cloud has is asked of `gcloud`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Finding, type Project, runChecks } from '../doctor/check.ts';
import { projectChecks } from '../doctor/project-checks.ts';
import { type CheckedServices, serviceChecks } from '../doctor/service-checks.ts';

/** All findings, the checks of the cloud's own set-up only where there is a `project`. */
export const diagnose = (
  services: CheckedServices,
  project?: Project,
): Promise<readonly Finding[]> =>
  runChecks([
    ...serviceChecks(services),
    ...(project ? projectChecks(project, services.config, services.now) : []),
  ]);

/** Prints the findings; the number of things that are wrong. */
export async function doctor(
  services: CheckedServices,
  print: (line: string) => void,
): Promise<number> {
  const local = services.config.endpoints.kms !== undefined;
  const findings = await diagnose(services, local ? undefined : deployedProject(services.config));
  for (const { check, wrong, remedy } of findings) {
    print(wrong === undefined ? `✓ ${check}` : `✗ ${check}: ${wrong}\n    ${remedy}`);
  }
  if (local) print('  a local stack: what only a project of Google Cloud has was not looked at');
  return findings.filter(({ wrong }) => wrong !== undefined).length;
}

function deployedProject({ projectId, kmsKeys }: CheckedServices['config']): Project {
  const run = promisify(execFile);
  return {
    id: projectId,
    region: /\/locations\/([^/]+)\//.exec(kmsKeys.vault)?.[1] ?? '',
    gcloud: async (...args) => {
      const { stdout } = await run('gcloud', [...args, `--project=${projectId}`, '--format=json'], {
        maxBuffer: 64 * 1024 * 1024,
      });
      return JSON.parse(stdout) as unknown;
    },
    googleTime: async () => {
      const response = await fetch('https://storage.googleapis.com/', { method: 'HEAD' });
      return new Date(response.headers.get('date') ?? Number.NaN);
    },
  };
}
