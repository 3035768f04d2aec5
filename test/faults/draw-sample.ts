/** Draw a random sample that is the same for the same seed, in the original order. */
export function drawSample<T>(all: readonly T[], size: number, seed: number): readonly T[] {
  const places = [...all.keys()];
  const random = randomOf(seed);
  // A partial shuffle.
  for (let at = 0; at < Math.min(size, places.length); at += 1) {
    const other = at + Math.floor(random() * (places.length - at));
    [places[at], places[other]] = [places[other] as number, places[at] as number];
  }
  const drawn = new Set(places.slice(0, size));
  return all.filter((_, place) => drawn.has(place));
}

/** Mulberry32: small, and random enough for a sample. @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
