/** A trace id as rows hold it: 16 bytes. */
export function toTraceBytes(traceId: string | undefined): Uint8Array | undefined {
  return traceId === undefined ? undefined : Buffer.from(traceId, 'hex');
}

/** @returns Undefined for what is no trace id: rows of earlier versions have none. */
export function fromTraceBytes(value: unknown): string | undefined {
  return value instanceof Uint8Array && value.byteLength === 16 ? Buffer.from(value).toString('hex') : undefined;
}
