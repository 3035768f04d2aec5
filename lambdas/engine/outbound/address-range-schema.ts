import { z } from 'zod';
import { isAddressRange } from './address-ranges.ts';

/** More than any provider publishes for webhooks; every request is compared with all. */
const maxRanges = 200;

/** Addresses in CIDR form, IPv4 or IPv6. */
export const addressRangeList = z
  .array(
    z
      .string()
      .refine(isAddressRange, 'expected an address range in CIDR form, such as "192.0.2.0/24" or "2001:db8::/32"'),
  )
  .max(maxRanges);
