/** A statement of the engine; its parameters are in the order of the names here. */
export type Statement =
  | { readonly kind: 'insert'; readonly table: string; readonly names: readonly string[] }
  | {
      readonly kind: 'update';
      readonly table: string;
      readonly set: readonly string[];
      readonly removed: readonly string[];
      readonly conditions: readonly StatementCondition[];
    };

/** An attribute, of the key or not, must equal a parameter. */
export interface StatementCondition {
  readonly attribute: string;
  readonly orMissing: boolean;
}

/**
 * Read a statement of one of the two forms that the engine sends:
 *
 *   INSERT INTO "table" VALUE {'name': ?, ...}
 *   UPDATE "table" SET "name" = ? ... REMOVE "name" ... WHERE "name" = ? AND ("name" = ? OR "name" IS MISSING) ...
 *
 * @returns undefined for any other text.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html
 */
export function parseStatement(text: unknown): Statement | undefined {
  return parseInsert(String(text)) ?? parseUpdate(String(text));
}

/** How many parameters a statement has. */
export function parametersOf(statement: Statement): number {
  return statement.kind === 'insert' ? statement.names.length : statement.set.length + statement.conditions.length;
}

function parseInsert(text: string): Statement | undefined {
  const [, table, members] = /^INSERT INTO "([\w.-]+)" VALUE \{(.+)\}$/.exec(text) ?? [];
  if (table === undefined || members === undefined) return undefined;
  const names = members.split(',').map((member) => /^\s*'([^']+)'\s*:\s*\?\s*$/.exec(member)?.[1]);
  return names.every((name) => name !== undefined) ? { kind: 'insert', table, names } : undefined;
}

function parseUpdate(text: string): Statement | undefined {
  const [, table, clauses, where] = /^UPDATE "([\w.-]+)" (.+) WHERE (.+)$/.exec(text) ?? [];
  const [, sets = '', removals = ''] = /^((?:SET "[^"]+" = \? ?)+)((?:REMOVE "[^"]+" ?)*)$/.exec(clauses ?? '') ?? [];
  const conditions = (where ?? '').split(' AND ').map(parseCondition);
  if (table === undefined || sets === '' || conditions.includes(undefined)) return undefined;
  return {
    kind: 'update',
    table,
    set: quotedNames(sets),
    removed: quotedNames(removals),
    conditions: conditions.filter((condition) => condition !== undefined),
  };
}

function parseCondition(text: string): StatementCondition | undefined {
  const [, name] = /^"([^"]+)" = \?$/.exec(text) ?? [];
  if (name !== undefined) return { attribute: name, orMissing: false };
  const [, one, other] = /^\("([^"]+)" = \? OR "([^"]+)" IS MISSING\)$/.exec(text) ?? [];
  return one !== undefined && one === other ? { attribute: one, orMissing: true } : undefined;
}

function quotedNames(clauses: string): readonly string[] {
  return [...clauses.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name);
}
