import { type AwsDestinationRequest, addressOf, placeOf, readRoleArn } from '../../contracts/aws-destination.ts';

/** The deployment's own account, as trust policies name it, and whether its roles may be assumed. */
export interface OwnAccount {
  /** `arn:aws:iam::111111111111:root` */
  readonly principal: string;
  /** Whether destinations may be in the deployment's own account. */
  readonly isAllowed: boolean;
}

export interface DestinationConflict {
  /** Path in the request. */
  readonly path: string;
  readonly reason: string;
}

const addressMembers = { sqs: 'queue_url', eventbridge: 'bus_arn', kinesis: 'stream_arn' } as const;

/**
 * Why a destination may not be used; undefined if it may. The queue and the role are in one account, whose owner gave
 * the role to this subscription; and that account is not the deployment's own, whose roles may trust every function of
 * the account, unless a setting allows it.
 */
export function destinationConflict(
  destination: AwsDestinationRequest,
  { principal, isAllowed }: OwnAccount,
): DestinationConflict | undefined {
  const addressPath = `destination.${addressMembers[destination.type]}`;
  const place = placeOf(destination);
  if (place === undefined) return { path: addressPath, reason: `"${addressOf(destination)}" is not an address in AWS` };
  const role = readRoleArn(destination.role_arn);
  if (role === undefined) return { path: 'destination.role_arn', reason: 'the role may not be assumed' };
  const [, partition, , , ownAccount] = principal.split(':');
  if (place.partition !== partition)
    return {
      path: addressPath,
      reason: `its partition is ${place.partition}, expected ${partition}, that of Tributary`,
    };
  if (role.account !== place.account || role.partition !== place.partition)
    return {
      path: 'destination.role_arn',
      reason: `expected a role of the account ${place.account}, which it sends to`,
    };
  if (role.account === ownAccount && !isAllowed)
    return { path: 'destination.role_arn', reason: 'expected a role of another account than that of Tributary itself' };
  return undefined;
}
