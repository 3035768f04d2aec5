/** A file that a browser gets, in the encodings that browsers take. */
export interface StaticFile {
  readonly contentType: string;
  /** Digest of the content. */
  readonly digest: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly br: Buffer;
}

export interface StaticFiles {
  /** @param path - Such as `assets/index-1f2e.js`. @returns Undefined for a path that is none of the files'. */
  find(path: string): Promise<StaticFile | undefined>;
}
