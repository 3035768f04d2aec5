/**
 * Stateful resources of the last release that this version no longer has, by their path in the engine, each with the
 * reason. Empty it when the version is released.
 */
export const intendedRemovals: Readonly<Record<string, string>> = {};
