import type { Resource, SynthesizedStage } from './synthesized-stage.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** What a role may do with a resource. */
export interface Permission {
  readonly role: string;
  readonly resource: string;
  /** Actions as text, with the effect if it is not `Allow`, and the condition. */
  readonly actions: string;
}

/** The permissions of each function and of each other role. */
export function permissionsTable(stage: SynthesizedStage): string {
  const lines = permissionsOf(stage).map(({ role, resource, actions }) => `| ${role} | ${resource} | ${actions} |`);
  return table(['role', 'resource', 'actions'], lines);
}

/** One for each role, resource, effect and condition. */
export function permissionsOf({ resources }: SynthesizedStage): readonly Permission[] {
  const rows = Object.entries(resources).flatMap(([id, resource]) =>
    policiesOf(id, resource).flatMap(({ role, statements }) =>
      statements.flatMap((statement) =>
        listOf(statement.Resource).map((one) => ({
          role: withoutHash(role),
          resource: nameOf(one),
          effect: statement.Effect === 'Allow' ? '' : `${statement.Effect}: `,
          actions: listOf(statement.Action as string | string[]),
          condition: statement.Condition === undefined ? '' : ` if ${nameOf(statement.Condition)}`,
        })),
      ),
    ),
  );
  const merged = Map.groupBy(rows, ({ role, resource, effect, condition }) =>
    JSON.stringify([role, resource, effect, condition]),
  );
  return [...merged.values()].map((same) => {
    const [{ role, resource, effect, condition }] = same as [(typeof rows)[number]];
    const actions = [...new Set(same.flatMap((row) => row.actions))].sort();
    return { role, resource, actions: `${effect}${actions.join(', ')}${condition}` };
  });
}

/** The resources of the stack, and their fate when the stack or the resource is deleted. */
export function resourcesTable(stages: Readonly<Record<'dev' | 'prod', SynthesizedStage>>): string {
  const [dev, prod] = [stages.dev, stages.prod].map(
    ({ resources }) => new Map(Object.entries(resources).map(([id, resource]) => [lastingId(id, resource), resource])),
  ) as [Map<string, Resource>, Map<string, Resource>];
  const lines = [...new Set([...dev.keys(), ...prod.keys()])].map((id) => {
    const type = (dev.get(id) ?? prod.get(id))?.Type ?? '';
    return `| ${id} | ${type} | ${fateOf(dev.get(id))} | ${fateOf(prod.get(id))} |`;
  });
  return table(['logical id', 'type', 'deleted in dev', 'deleted in prod'], lines);
}

function policiesOf(
  id: string,
  { Type, Properties }: Resource,
): readonly { readonly role: string; readonly statements: readonly Statement[] }[] {
  if (Type === 'AWS::IAM::Policy')
    return (Properties['Roles'] as { readonly Ref: string }[]).map(({ Ref: role }) => ({
      role,
      statements: Properties['PolicyDocument'].Statement,
    }));
  if (Type !== 'AWS::IAM::Role') return [];
  const inline = (Properties['Policies'] ?? []) as { readonly PolicyDocument: { readonly Statement: Statement[] } }[];
  return inline.map(({ PolicyDocument }) => ({ role: id, statements: PolicyDocument.Statement }));
}

function fateOf(resource: Resource | undefined): string {
  if (resource === undefined) return 'not there';
  if (resource.DeletionPolicy === 'RetainExceptOnCreate') return 'retained, except by a failed first deployment';
  return resource.DeletionPolicy === 'Retain' ? 'retained' : 'yes';
}

/** A readable form of an intrinsic function. */
function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(nameOf).join('');
  const [entry] = Object.entries(value as Readonly<Record<string, unknown>>);
  const [name, argument] = entry ?? ['', undefined];
  if (name === 'Ref') return withoutHash(String(argument));
  if (name === 'Fn::GetAtt') return withoutHash(String((argument as readonly string[])[0]));
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, readonly unknown[]];
    return parts.map(nameOf).join(separator);
  }
  return JSON.stringify(value);
}

/** The id of a function's version ends with a hash of its code. */
function lastingId(id: string, { Type }: Resource): string {
  return Type === 'AWS::Lambda::Version' ? id.replace(/[0-9a-f]{32}$/, '…') : id;
}

/** CDK ends a logical id with eight digits of a hash of its path. */
export function withoutHash(id: string): string {
  return id.replace(/[0-9A-F]{8}$/, '');
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

export function table(head: readonly string[], lines: readonly string[]): string {
  const rule = head.map(() => '---');
  return `${[head, rule].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n${[...lines].sort().join('\n')}\n`;
}
