/** The UTC hour of an instant, as the start of an ISO 8601 time: `2026-11-21T12`. */
export function hourOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 13);
}
