import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../errors.ts';
import { intakeOwner } from './intake-owner.ts';

const owner = { 'owner-issuer': 'https://id.example', 'owner-subject': 'zoe' };

describe('the owner of a model in the intake', () => {
  it('is nobody where the metadata names none, and who it names', () => {
    expect(intakeOwner({}, 'smile', '')).toBeNull();
    expect(
      intakeOwner({ tracing: 'off', 'goog-reserved-file-mtime': '1' }, 'smile', ''),
    ).toBeNull();
    expect(intakeOwner(owner, 'smile', '')).toEqual({
      issuer: 'https://id.example',
      subject: 'zoe',
    });
  });

  it.each<readonly [string, Record<string, string>, string]>([
    ['both empty', { 'owner-issuer': '', 'owner-subject': '' }, 'owner'],
    ['a blank subject', { ...owner, 'owner-subject': ' ' }, 'owner'],
    ['an empty issuer alone', { 'owner-issuer': '' }, 'owner'],
    ['half of it', { 'owner-subject': 'zoe' }, 'owner'],
    ['underscores', { owner_issuer: 'i', owner_subject: 's' }, 'metadata_unknown'],
    ['capitals', { 'Owner-Issuer': 'i', 'Owner-Subject': 's' }, 'metadata_unknown'],
    ['another spelling', { 'owner-issuer': 'i', 'owner-subjct': 's' }, 'metadata_unknown'],
    ['another word', { user: 'zoe' }, 'metadata_unknown'],
  ])('refuses the model where it is written with %s', (_, metadata, reason) => {
    const act = () => intakeOwner(metadata, 'smile', '');
    expect(act).toThrow(ServiceError);
    expect(act).toThrow(reason);
  });

  it('must be named where the id begins as those of personal models do', () => {
    expect(() => intakeOwner({}, 'my-zoe-1', 'my-')).toThrow('owner_missing');
    expect(intakeOwner(owner, 'my-zoe-1', 'my-')).not.toBeNull();
    expect(intakeOwner({}, 'smile', 'my-')).toBeNull();
  });
});
