/** What is watched exists: the words of the logs in the code, the metrics in Terraform, what to do in the docs. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { UpstreamError } from '../functions/cloud/upstream-error.ts';
import { at, type Infrastructure, ofType, parseSources, readSources } from './terraform.ts';

const ROOT = join(import.meta.dirname, '..');
let infra: Infrastructure;
let code: string;
beforeAll(async () => {
  infra = await parseSources(await readSources());
  const names = (await readdir(join(ROOT, 'functions'), { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );
  const texts = names.map((name) => readFile(join(ROOT, 'functions', name), 'utf8'));
  code = (await Promise.all(texts)).join('\n');
});

const all = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map(([, found = '']) => found)),
];

/** The words and members of our log lines that filters look for, and that no code writes. */
function unsaid(filters: string): readonly string[] {
  const messages = all(filters, /jsonPayload\.message=\\?"([^"\\]+)/g);
  const members = all(filters, /jsonPayload\.(\w+)/g).filter((member) => member !== 'message');
  return [
    ...messages.filter((message) => !code.includes(`'${message}'`)),
    ...members.filter((member) => !new RegExp(`\\b${member}\\b`).test(code)),
  ];
}

/** Alerts by the name that the documentation has them under. */
function alertNames(): readonly string[] {
  const absent = infra.resources.find(({ address }) => address.endsWith('alert_policy.absent'));
  return [
    ...['burn', 'probe'],
    ...Object.keys(infra.locals['alerts'] as object),
    ...Object.keys(infra.locals['watches'] as object),
    ...Object.keys(absent?.body['for_each'] as object),
  ].sort();
}

describe('the logs', () => {
  it('say what the metrics count', () => {
    expect(unsaid(infra.text)).toEqual([]);
  });

  it('that no code writes are found', () => {
    const filter = 'jsonPayload.message=\\"ledger extended\\" jsonPayload.latenessOfAll>0';
    expect(unsaid(filter)).toEqual(['ledger extended', 'latenessOfAll']);
  });

  it('name every service of Google’s that failed, in a request and in a worker', () => {
    const metrics = infra.locals['log_metrics'] as Record<string, { filter: string }>;
    const filter = metrics['upstream']?.filter ?? '';
    const [, outcome = 'none'] = /outcome=~"([^"]+)"/.exec(filter) ?? [];
    for (const service of ['firestore', 'storage', 'kms', 'pubsub'] as const) {
      for (const timedOut of [true, false]) {
        const error = new UpstreamError(service, 'some_call', { timedOut });
        expect(error.reason).toMatch(new RegExp(outcome));
        expect(filter).toContain(`jsonPayload.error="${error.name}"`);
      }
    }
    expect('ok').not.toMatch(new RegExp(outcome));
  });

  it('of ledger, erasures and outbox are counted', () => {
    const metrics = infra.locals['log_metrics'] as Record<string, { filter: string }>;
    expect(metrics['ledger']?.filter).toContain('"ledger appended"');
    expect(metrics['erasures_failed']?.filter).toMatch(/"erasures carried out".*failed>0/);
    expect(metrics['outbox_waiting']?.filter).toMatch(/"outbox emptied".*waiting>0/);
  });
});

describe('the metrics', () => {
  it('that alerts and the dashboard look at are made, and none that nobody looks at', async () => {
    const dashboard = await readFile(join(ROOT, 'infra/dashboard.json'), 'utf8');
    const of = (key: string) => {
      const metric = infra.resources.find(
        ({ address }) => address === `google_logging_metric.${key}`,
      );
      return all(String(metric?.body['for_each']), /"(\w+)"/g);
    };
    const made = [
      ...Object.keys(infra.locals['log_metrics'] as object).map((name) => `modelseal_${name}`),
      ...of('grant').map((name) => `modelseal_grant_${name}`),
      'modelseal_latency',
    ];
    const watched = [
      ...all(infra.text + dashboard, /user\/(modelseal_\w+)/g),
      ...all(infra.text, /metric = "(modelseal_\w+)"/g),
    ];
    expect([...new Set(watched)].sort()).toEqual(made.sort());
  });
});

describe('the alerts', () => {
  it('reach somebody', () => {
    for (const { address, body } of ofType(infra, 'google_monitoring_alert_policy')) {
      expect([address, body['notification_channels']]).toEqual([address, `\${local.channels}`]);
      expect(at(body['documentation'], ['content'])).toContain('docs/ops/operations.md');
    }
  });

  it('have each a section of the runbook with a command, and no other has one', async () => {
    const text = await readFile(join(ROOT, 'docs/ops/operations.md'), 'utf8');
    const [, runbook = ''] = /\n## Alerts\n([\s\S]*?)\n## /.exec(text) ?? [];
    const sections = runbook.split(/\n### /).slice(1);
    const names = sections.flatMap((section) => all(section.split('\n')[0] ?? '', /`([a-z-]+)`/g));
    expect(names.sort()).toEqual(alertNames());
    const without = sections.filter((section) => !/```sh\n[\s\S]+?\n```/.test(section));
    expect(without).toEqual([]);
  });
});

describe('links into the console', () => {
  it('lead from alerts that there are to pages that there are, and name nobody', async () => {
    const pages = infra.locals['console_pages'] as Readonly<Record<string, string>>;
    const app = await readFile(join(ROOT, 'console/src/app.tsx'), 'utf8');
    const there = all(app, /^ {2}\['(\w*)', '/gm);
    expect(there.length).toBeGreaterThan(5);
    expect(Object.values(pages).filter((page) => !there.includes(page))).toEqual([]);
    expect(Object.keys(pages).filter((name) => !alertNames().includes(name))).toEqual([]);
    expect(at(infra.locals, ['console_links'])).toContain('/#/');
  });
});
