import { accessOperations } from './access-operations.ts';
import { accountOperations } from './account-operations.ts';
import { auditOperations } from './audit-operations.ts';
import { catalogueOperations } from './catalogue-operations.ts';
import { deliveryOperations } from './delivery-operations.ts';
import { eventOperations } from './event-operations.ts';
import type { OperationShape } from './operation.ts';
import { statisticsOperations } from './statistics-operations.ts';
import { subscriptionOperations } from './subscription-operations.ts';
import { systemOperations } from './system-operations.ts';
import { tenantOperations } from './tenant-operations.ts';

/** The whole API, by `operationId`. */
export const operations = {
  ...accountOperations,
  ...subscriptionOperations,
  ...deliveryOperations,
  ...eventOperations,
  ...catalogueOperations,
  ...accessOperations,
  ...auditOperations,
  ...statisticsOperations,
  ...tenantOperations,
  ...systemOperations,
} as const satisfies Record<string, OperationShape>;

export type Operations = typeof operations;
export type OperationId = keyof Operations;
