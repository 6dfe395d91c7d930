import { describe, expect, it } from '@jest/globals';
import { memoryDocuments } from '../test/doubles/memory/documents.ts';
import { memoryKeys } from '../test/doubles/memory/keys.ts';
import { memoryObjects } from '../test/doubles/memory/objects.ts';
import { memoryPublisher } from '../test/doubles/memory/publisher.ts';
import { testEnvironment } from '../test/support/environment.ts';
import { createServices } from './composition.ts';
import { ConfigError, loadConfig } from './config.ts';
import { FUNCTIONS } from './registry.ts';

const clients = {
  documents: memoryDocuments(),
  objects: memoryObjects(),
  keys: memoryKeys(),
  publisher: memoryPublisher(),
};
const CORE = ['concurrencyLimiter', 'config', 'drain', 'log', 'now', 'randomBytes'];

describe('createServices', () => {
  const config = loadConfig({ ...testEnvironment(), APPLE_RECEIPT_KEY: undefined });

  it.each(FUNCTIONS.map((entry) => [entry.name, entry] as const))(
    'makes for %s what its entry names, and nothing else',
    async (_, entry) => {
      const services = await createServices(config, entry, clients);
      expect(Object.keys(services).sort()).toEqual([...CORE, ...entry.services].sort());
      await services.drain();
    },
  );

  it('makes all that its secrets allow for a tool that names no services', async () => {
    const open = await createServices(config, { name: 'tool', secrets: [] }, clients);
    expect(Object.keys(open)).toEqual(expect.arrayContaining(['documents', 'licences', 'emit']));
    for (const name of ['pseudonyms', 'callers', 'challenges'])
      expect(open).not.toHaveProperty(name);
    const secrets = ['PSEUDONYM_SECRET'] as const;
    const trusted = await createServices(config, { name: 'tool', secrets }, clients);
    expect(trusted.pseudonyms.user('issuer', 'subject')).toMatch(/^p1_/);
  });

  it('does not start without a secret that the function may read', async () => {
    const poor = loadConfig({ ...testEnvironment(), PSEUDONYM_SECRET: undefined });
    const entry = { name: 'models', secrets: ['PSEUDONYM_SECRET'], services: ['callers'] } as const;
    await expect(createServices(poor, entry, clients)).rejects.toThrow('PSEUDONYM_SECRET: missing');
    const undeclared = { ...entry, secrets: [] };
    await expect(createServices(config, undeclared, clients)).rejects.toThrow('may not read');
  });

  it('does not start with a wrong policy where the function goes by it', async () => {
    const wrong = loadConfig({ ...testEnvironment(), ATTESTATION_POLICY: '{"apps":[]}' });
    for (const { services, name } of FUNCTIONS) {
      const uses = services.some((each) => ['attestationPolicy', 'enrolmentPolicy'].includes(each));
      const made = createServices(wrong, {
        name,
        secrets: [],
        services: uses ? ['attestationPolicy'] : [],
      });
      if (!uses) await made;
      else {
        const error: unknown = await made.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ConfigError);
        expect(String(error)).toContain('ATTESTATION_POLICY');
      }
    }
  });

  it('gives events an outbox where the function has the database', async () => {
    const failing = { ...clients, publisher: { publish: () => Promise.reject(new Error('down')) } };
    const secrets = [] as const;
    for (const [services, kept] of [
      [['emit', 'documents'], 1],
      [['emit'], 0],
    ] as const) {
      const documents = memoryDocuments();
      const lines: string[] = [];
      const made = await createServices(
        config,
        { name: 'test', secrets, services },
        { ...failing, documents },
        (line) => void lines.push(line),
      );
      await made.emit({ type: 'object.swept', grant: null }, new Date());
      await made.drain();
      const waiting = await documents.query({ collection: 'outbox', limit: 10 });
      expect(waiting).toHaveLength(kept);
      expect(lines.some((line) => line.includes('event not delivered'))).toBe(kept === 0);
    }
  });
});
