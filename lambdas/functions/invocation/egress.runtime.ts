import { createEgressPolicy, type EgressPolicyOptions } from '../../adapters/http/egress-policy.ts';
import { environmentKeys } from '../../contracts/environment.ts';
import { createAddressFilter } from '../../engine/outbound/public-addresses.ts';

type EgressEnvironment = Readonly<
  Record<
    | typeof environmentKeys.egressAllowHttp
    | typeof environmentKeys.egressAllowedRanges
    | typeof environmentKeys.ownOrigins,
    string
  >
>;

/**
 * What outbound calls may reach. Plain http and private address ranges need the stage's permission; the engine's own
 * origins are always blocked.
 *
 * @param overrides - What differs for some calls of a function.
 */
export function createEgress(
  env: EgressEnvironment,
  overrides: Partial<Pick<EgressPolicyOptions, 'allowHttp'>> = {},
): ReturnType<typeof createEgressPolicy> {
  const list = (text: string) => text.split(',').filter((item) => item !== '');
  return createEgressPolicy({
    mayDial: createAddressFilter(list(env[environmentKeys.egressAllowedRanges])),
    allowHttp: env[environmentKeys.egressAllowHttp] === 'true',
    ownOrigins: list(env[environmentKeys.ownOrigins]),
    ...overrides,
  });
}
