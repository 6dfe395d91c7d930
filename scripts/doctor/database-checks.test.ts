import { describe, expect, it } from '@jest/globals';
import { databaseChecks } from './database-checks.ts';
import { fakeProject } from './fake-project.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

describe('what doctor asks of the database', () => {
  it('finds a composite index that is missing or not ready', async () => {
    const file = {
      indexes: [{ collectionGroup: 'grants', fields: [{ fieldPath: 'user', order: 'ASCENDING' }] }],
      fieldOverrides: [],
    };
    const listed = (state: string) => [
      {
        name: 'projects/p/databases/(default)/collectionGroups/grants/indexes/1',
        state,
        fields: [...(file.indexes[0]?.fields ?? []), { fieldPath: '__name__', order: 'ASCENDING' }],
      },
    ];
    const of = async (list: unknown) => {
      const project = fakeProject({ 'firestore indexes composite list': list }, () => NOW);
      const [check] = databaseChecks(project, file);
      return check?.work().then(
        () => 'well',
        (error: Error) => error.message,
      );
    };
    expect(await of(listed('READY'))).toBe('well');
    expect(await of(listed('CREATING'))).toBe('it is CREATING');
    expect(await of([])).toBe('it is not there');
  });
});
