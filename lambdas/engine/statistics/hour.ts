/** The UTC hour that an instant is in, as ISO 8601 begins: `2026-11-21T12`. */
export function hourOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 13);
}
