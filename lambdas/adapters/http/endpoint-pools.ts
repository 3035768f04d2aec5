import { createHash } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type Dispatcher, Pool } from 'undici';
import { limits } from '../../contracts/limits.ts';
import type { ClientCertificate } from '../../engine/endpoint-auth/client-certificate.ts';
import type { Clock } from '../../ports/runtime/clock.ts';
import type { createEgressPolicy } from './egress-policy.ts';

const defaultMaxPools = 50;
/** Connections of all pools together; a function may have 1,024 files open. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const maxConnections = 700;
/**
 * How long an idle connection is kept: receivers and what stands before them close theirs after 5 s and more.
 * @see https://nodejs.org/api/http.html#serverkeepalivetimeout
 */
const keepAliveMs = 4_000;

/** Connections to endpoints, bounded in number. */
export interface EndpointPools {
  /**
   * The pool of an origin, and of no other client certificate: what one endpoint proves is never used for another.
   *
   * @throws {Error} when the certificate cannot be used.
   */
  take(origin: string, certificate: ClientCertificate | undefined): Dispatcher;
  /** How many there are. */
  readonly size: () => number;
}

/**
 * Keep-alive pools by endpoint, least recently used first. A pool that is too many, or that no post took for
 * longer than its connections live, is closed once its calls are done; where a function was frozen meanwhile,
 * its connections are dead without having said so.
 */
export function createEndpointPools(
  policy: ReturnType<typeof createEgressPolicy>,
  clock: Clock,
  maxPools = defaultMaxPools,
): EndpointPools {
  const pools = new Map<string, { readonly pool: Pool; readonly takenMs: number }>();

  function connections(): number {
    return pools.values().reduce((sum, { pool }) => sum + pool.stats.connected, 0);
  }

  function release(key: string): void {
    const found = pools.get(key);
    pools.delete(key);
    // Closing waits for the calls that run; that they fail is told to who made them.
    found?.pool.close().catch(() => undefined);
  }

  function open(origin: string, certificate: ClientCertificate | undefined): Pool {
    return new Pool(origin, {
      // Who posts has a lease for as many: one that waited here would use up its time.
      connections: limits.maxEndpointConcurrency,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      // A connection that many calls share is one more thing that a bad call can break.
      allowH2: false,
      connect: {
        timeout: limits.callbackConnectTimeoutMs,
        lookup: policy.lookupFor(origin) as never,
        ...(certificate === undefined
          ? {}
          : { secureContext: createSecureContext({ cert: certificate.certificate, key: certificate.private_key }) }),
      },
    });
  }

  return {
    take(origin, certificate) {
      const nowMs = clock.nowMs();
      for (const [key, { takenMs }] of pools) {
        if (nowMs - takenMs < keepAliveMs) break;
        release(key);
      }
      const key = `${origin} ${certificate === undefined ? '' : digestOf(certificate)}`;
      const pool = pools.get(key)?.pool ?? open(origin, certificate);
      pools.delete(key);
      pools.set(key, { pool, takenMs: nowMs });
      for (const oldest of pools.keys()) {
        if (oldest === key || (pools.size <= maxPools && connections() <= maxConnections)) break;
        release(oldest);
      }
      return pool;
    },
    size: () => pools.size,
  };
}

function digestOf({ certificate, private_key }: ClientCertificate): string {
  return createHash('sha256')
    .update(JSON.stringify([certificate, private_key]))
    .digest('hex');
}
