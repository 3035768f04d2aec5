import { RemovalPolicy } from 'aws-cdk-lib';
import { type Attribute, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { ttlAttribute } from '../../lambdas/contracts/tables.ts';
import type { DataKey } from './data-key.ts';

type ReadAction = 'BatchGetItem' | 'GetItem' | 'Query' | 'Scan';
/** PartiQLInsert succeeds only if the key does not exist, PartiQLUpdate only if it does. */
type WriteAction = 'BatchWriteItem' | 'DeleteItem' | 'PartiQLInsert' | 'PartiQLUpdate' | 'PutItem' | 'UpdateItem';
export type TableAction = ReadAction | WriteAction;
/** What names the items that it reads or writes. */
type ItemAction = 'BatchGetItem' | 'GetItem' | 'PutItem' | 'UpdateItem';

const writeActions: ReadonlySet<TableAction> = new Set<WriteAction>([
  'BatchWriteItem',
  'DeleteItem',
  'PartiQLInsert',
  'PartiQLUpdate',
  'PutItem',
  'UpdateItem',
]);

export interface TableIndex {
  readonly partitionKey: Attribute;
  readonly sortKey?: Attribute;
  /**
   * Attributes that the index holds besides keys: a write that changes none of them is free in the index.
   * @default - all
   */
  readonly holds?: readonly string[];
}

export interface RecordTableProps {
  readonly partitionKey: Attribute;
  /** @default - the partition key alone identifies a row */
  readonly sortKey?: Attribute;
  /**
   * Global secondary indexes by name.
   * @default - none
   */
  readonly indexes?: Readonly<Record<string, TableIndex>>;
  readonly encryptionKey: DataKey;
  /** Any that retains also protects the table from deletion. */
  readonly removalPolicy: RemovalPolicy;
}

/** A table of one kind of record: on demand, encrypted, recoverable to any second of 35 days, with rows that expire. */
export class RecordTable extends Construct {
  readonly table: Table;
  private readonly encryptionKey: DataKey;
  private readonly indexArns: string[];

  constructor(scope: Construct, id: string, props: RecordTableProps) {
    super(scope, id);
    this.encryptionKey = props.encryptionKey;
    const isRetained = props.removalPolicy !== RemovalPolicy.DESTROY;
    this.table = new Table(this, 'Table', {
      partitionKey: props.partitionKey,
      ...(props.sortKey === undefined ? {} : { sortKey: props.sortKey }),
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: props.encryptionKey.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: ttlAttribute,
      // Nothing can delete a protected table, so a rollback must not try to.
      removalPolicy: isRetained ? RemovalPolicy.RETAIN : props.removalPolicy,
      deletionProtection: isRetained,
    });
    this.indexArns = Object.entries(props.indexes ?? {}).map(([indexName, { holds, ...keys }]) => {
      this.table.addGlobalSecondaryIndex({ indexName, ...keys, ...projectionOf(holds) });
      return `${this.table.tableArn}/index/${indexName}`;
    });
  }

  get tableName(): string {
    return this.table.tableName;
  }

  /** Allow these actions on the table, queries also on its indexes, and the use of the encryption key for them. */
  grant(grantee: IGrantable, ...actions: TableAction[]): void {
    Grant.addToPrincipal({
      grantee,
      actions: actions.map((action) => `dynamodb:${action}`),
      resourceArns: [this.table.tableArn],
    });
    if (actions.includes('Query') && this.indexArns.length > 0) {
      Grant.addToPrincipal({ grantee, actions: ['dynamodb:Query'], resourceArns: this.indexArns });
    }
    if (actions.some((action) => writeActions.has(action))) this.encryptionKey.grantEncryptDecrypt(grantee);
    else this.encryptionKey.grantDecrypt(grantee);
  }

  /**
   * The same as `grant`, for the rows of these partitions only.
   *
   * @param actions - Of single items: IAM does not know the partitions of a Scan, and allows it.
   */
  grantRows(grantee: IGrantable, partitions: readonly string[], ...actions: ItemAction[]): void {
    Grant.addToPrincipal({
      grantee,
      actions: actions.map((action) => `dynamodb:${action}`),
      resourceArns: [this.table.tableArn],
      conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [...partitions] } },
    });
    if (actions.some((action) => writeActions.has(action))) this.encryptionKey.grantEncryptDecrypt(grantee);
    else this.encryptionKey.grantDecrypt(grantee);
  }
}

function projectionOf(holds: readonly string[] | undefined): object {
  if (holds === undefined) return {};
  if (holds.length === 0) return { projectionType: ProjectionType.KEYS_ONLY };
  return { projectionType: ProjectionType.INCLUDE, nonKeyAttributes: [...holds] };
}
