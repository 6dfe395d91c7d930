/** Key encapsulation without chance, so that vectors come out the same: never for real keys. */
import { XWing } from '@noble/post-quantum/hybrid.js';
import { KEM_DHKEM_P256_HKDF_SHA256, KEM_MLKEM768_X25519, type KEMFactory } from 'hpke';

/** DHKEM(P-256) whose ephemeral key comes from `ikmE`, as RFC 9180's vectors prescribe. */
export function fixedP256(ikmE: Uint8Array): KEMFactory {
  return () => {
    const kem = KEM_DHKEM_P256_HKDF_SHA256();
    return Object.assign(Object.create(kem), {
      GenerateKeyPair: () => kem.DeriveKeyPair(ikmE, false),
    }) as typeof kem;
  };
}

/** X-Wing whose chance is `eseed` (64 bytes), encapsulated by another implementation than ours. */
export function fixedXWing(eseed: Uint8Array): KEMFactory {
  return () => {
    const kem = KEM_MLKEM768_X25519();
    return Object.assign(Object.create(kem), {
      Encap: async (publicKey: Parameters<typeof kem.Encap>[0]) => {
        const serialised = await kem.SerializePublicKey(publicKey);
        const { cipherText, sharedSecret } = XWing.encapsulate(serialised, eseed);
        return { enc: cipherText, shared_secret: sharedSecret };
      },
    }) as typeof kem;
  };
}
