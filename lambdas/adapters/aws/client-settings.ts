/**
 * How every AWS client waits and tries again. A call that hangs must end well before its function
 * does, so that the function can still say what failed.
 */
export const clientSettings = {
  maxAttempts: 3,
  // What is done around a call is put together once for each kind of command, not for each call.
  cacheMiddleware: true,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
};
