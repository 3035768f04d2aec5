import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** Under which origins the engine is called, and which addresses it may call. */
export const networkSettings = {
  /**
   * Public origin of a custom domain in front of the HTTP API.
   * @default the HTTP API's own endpoint
   */
  publicUrl: z
    .string()
    .refine(isPublicOrigin)
    .optional()
    .describe('an origin without a path or a trailing slash, such as "https://hooks.example.com"'),
  /**
   * Private address ranges that callbacks may reach; as text, separated by commas.
   * @default 127.0.0.0/8 and ::1/128 in local, none elsewhere
   */
  egressAllowedRanges: z
    .preprocess((value) => (typeof value === 'string' ? splitList(value) : value), z.array(z.string().refine(isRange)))
    .describe('a list of address ranges in CIDR form, such as "10.20.0.0/16,fd00::/8"'),
  /**
   * Further origins that lead to this deployment, such as a CDN in front of it; as text, separated by commas.
   * The engine knows the public URL and the HTTP API's own endpoint. It calls none of these origins, on any port: a
   * callback to its own ingress would become an event again.
   * @default - none
   */
  ownOrigins: z
    .preprocess(
      (value) => (typeof value === 'string' ? splitList(value) : value),
      z.array(z.string().refine(isPublicOrigin)),
    )
    .describe('a list of origins without a path or a trailing slash, such as "https://hooks.example.net"'),
  /**
   * Origins to which the consent of an account's owner may lead back (`return_url`); as text, separated by commas.
   * @default - none; http://localhost and http://127.0.0.1 on any port in local
   */
  connectReturnOrigins: z
    .preprocess(
      (value) => (typeof value === 'string' ? splitList(value) : value),
      z.array(z.string().refine((text) => isPublicOrigin(text) || /^http:\/\/(localhost|127\.0\.0\.1):\*$/.test(text))),
    )
    .describe('a list of origins without a path or a trailing slash, such as "https://app.example.com"'),
  /**
   * Whether subscriptions may send to queues, buses and streams of the AWS account that the stack is in. Whoever may
   * create a subscription may then name every role of the account that begins with `tributary-`: such a role must
   * require the external id of its subscription.
   * @default false
   */
  ownAccountDestinations: z
    .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
    .describe('true or false'),
  /**
   * Private subnets for the functions that call out, best in two zones; as text, separated by commas. They need a route
   * to the internet and to SQS and EventBridge: a NAT gateway (33 USD a month, and 0.045 USD for each GB), from whose
   * address callbacks then come. Gateway endpoints for DynamoDB and S3 are free.
   * @default - none: no function runs in a VPC, reaches a private address or has a fixed address
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
   */
  vpcSubnetIds: idList('subnet', 16),
  /**
   * Security groups of these functions. They must allow egress to port 443 and the ports of callbacks; they need no
   * ingress.
   * @default - none
   */
  vpcSecurityGroupIds: idList('sg', 5),
};

/** @param most - Lambda's maximum. @see https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html */
function idList(prefix: 'subnet' | 'sg', most: number) {
  const id = new RegExp(`^${prefix}-[0-9a-f]{8,17}$`);
  return z
    .preprocess(
      (value) => (typeof value === 'string' ? splitList(value) : value),
      z.array(z.string().regex(id)).max(most),
    )
    .describe(`a list of at most ${most} ids, such as "${prefix}-0123456789abcdef0"`);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isPublicOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['https:', 'http:'].includes(url.protocol) && url.origin === text;
}

function isRange(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || !/^\d{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 6 ? 'ipv6' : 'ipv4');
    return true;
  } catch {
    return false;
  }
}
