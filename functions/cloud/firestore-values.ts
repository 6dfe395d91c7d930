/** Documents as Firestore's client gives them, and as the domain has them. */
import type * as firestore from '@google-cloud/firestore';
import type { DocumentData, DocumentValue } from './documents.ts';

export function dataOf(snapshot: firestore.DocumentSnapshot): DocumentData | undefined {
  const data = snapshot.data();
  return data === undefined ? undefined : fromFirestore(data);
}

export function fromFirestore(data: firestore.DocumentData): DocumentData {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, fromFirestoreValue(value)]),
  );
}

function fromFirestoreValue(value: unknown): DocumentValue {
  if (typeof value !== 'object' || value === null) return value as DocumentValue;
  if (Array.isArray(value)) return value.map(fromFirestoreValue);
  if ('toDate' in value) return (value as firestore.Timestamp).toDate();
  return fromFirestore(value);
}
