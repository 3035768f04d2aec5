import { parametersOf, parseStatement, type Statement } from '../partiql-statement.ts';

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html */
const maxStatements = 25;

type Values = Readonly<Record<string, unknown>>;

/** The dynalite call that has the effect of a statement. */
export interface StatementCall {
  readonly table: string;
  readonly key: Values;
  readonly operation: 'PutItem' | 'UpdateItem';
  readonly input: object;
}

interface ReadStatement {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/** @returns The fault, for statements that the local runner cannot read. */
export function readStatements(text: string): readonly ReadStatement[] | string {
  const { Statements } = (parseJson(text) ?? {}) as { readonly Statements?: unknown };
  if (!Array.isArray(Statements) || Statements.length === 0 || Statements.length > maxStatements)
    return `Statements must be a list of 1 to ${maxStatements}.`;
  const statements: ReadStatement[] = [];
  for (const one of Statements as readonly unknown[]) {
    const { Statement: said, Parameters: values } = (one ?? {}) as Readonly<Record<string, unknown>>;
    const statement = parseStatement(said);
    if (statement === undefined || !Array.isArray(values) || values.length !== parametersOf(statement))
      return `The local runner reads only inserts and updates in the engine's form, with all their parameters; got ${JSON.stringify(one)}`;
    statements.push({ statement, values });
  }
  return statements;
}

/** @returns undefined when the table does not exist. */
export function toCall(
  { statement, values }: ReadStatement,
  key: readonly string[] | undefined,
): StatementCall | undefined {
  const [partition] = key ?? [];
  if (key === undefined || partition === undefined) return undefined;
  const { table } = statement;
  if (statement.kind === 'insert') {
    const item = valuesByName(statement.names, values);
    return {
      table,
      key: pick(item, key),
      operation: 'PutItem',
      // Not a condition expression, which dynalite would parse anew each time.
      input: { Item: item, Expected: { [partition]: { Exists: false } } },
    };
  }
  const { set, removed, conditions } = statement;
  const found = valuesByName(
    conditions.map(({ attribute }) => attribute),
    values.slice(set.length),
  );
  const others = conditions.filter(({ attribute }) => !key.includes(attribute));
  const attributes = [...new Set([...set, ...removed, ...others.map(({ attribute }) => attribute), partition])];
  const name = (attribute: string) => `#n${attributes.indexOf(attribute)}`;
  const held = others.map(({ attribute, orMissing }, index) =>
    orMissing
      ? `(attribute_not_exists(${name(attribute)}) OR ${name(attribute)} = :c${index})`
      : `${name(attribute)} = :c${index}`,
  );
  return {
    table,
    key: pick(found, key),
    operation: 'UpdateItem',
    input: {
      Key: pick(found, key),
      UpdateExpression: [
        `SET ${set.map((attribute, index) => `${name(attribute)} = :s${index}`).join(', ')}`,
        ...(removed.length === 0 ? [] : [`REMOVE ${removed.map(name).join(', ')}`]),
      ].join(' '),
      ConditionExpression: [`attribute_exists(${name(partition)})`, ...held].join(' AND '),
      ExpressionAttributeNames: Object.fromEntries(attributes.map((attribute) => [name(attribute), attribute])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(set.map((_, index) => [`:s${index}`, values[index]])),
        ...Object.fromEntries(others.map(({ attribute }, index) => [`:c${index}`, found[attribute]])),
      },
    },
  };
}

function valuesByName(names: readonly string[], values: readonly unknown[]): Values {
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

function pick(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
