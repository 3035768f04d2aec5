/** Length of each digest, in bytes. */
export const digestBytes = { sha1: 20, sha256: 32, sha512: 64 } as const;
