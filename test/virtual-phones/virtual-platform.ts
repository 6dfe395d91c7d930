import type { AttestedKey, DevicePlatform } from '../../sdk/typescript/platform.ts';

/** A phone in software: it signs hashes as they are and needs no text of them. */
export interface VirtualPlatform extends DevicePlatform {
  createAttestedKey(clientDataHash: Uint8Array): Promise<AttestedKey>;
  prove(keyHandle: string, clientDataHash: Uint8Array): Promise<Readonly<Record<string, unknown>>>;
}
