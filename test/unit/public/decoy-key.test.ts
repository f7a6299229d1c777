import { describe, expect, it } from '@jest/globals';
import { compactVerify } from 'jose';
import { algorithmFits, isSigningAlgorithm } from '../../../src/keys/signer.ts';
import { assertionAlgorithms } from '../../../src/public/client-assertion.ts';
import { createDecoyKeys } from '../../../src/public/decoy-key.ts';

describe('a decoy key', () => {
  const decoy = createDecoyKeys(assertionAlgorithms);

  it.each(assertionAlgorithms)(
    'costs a verification with %s, and verifies nothing',
    async (alg) => {
      const key = decoy(alg);
      if (key === undefined) throw new Error('there is none');
      if (isSigningAlgorithm(alg)) expect(algorithmFits(alg, key)).toBe(true);
      const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
      const jws = `${header}.e30.${'A'.repeat(86)}`;
      // Not a complaint about the key: the signature was looked at.
      await expect(compactVerify(jws, key)).rejects.toThrow('signature verification failed');
      expect(decoy(alg)).toBe(key);
    },
  );

  it.each(['none', 'HS256', 'RS1', '__proto__'])('is not there for %s', (alg) => {
    expect(decoy(alg)).toBeUndefined();
  });
});
