/** An insert statement: its table, and the names of what it inserts, whose values are its parameters. */
export interface InsertStatement {
  readonly table: string;
  readonly names: readonly string[];
}

/**
 * Read `INSERT INTO "table" VALUE {'name': ?, ...}`, the one form of statement that the engine sends.
 *
 * @returns Undefined for any other.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.insert.html
 */
export function parseInsert(statement: unknown): InsertStatement | undefined {
  const [, table, members] = /^INSERT INTO "([\w.-]+)" VALUE \{(.+)\}$/.exec(String(statement)) ?? [];
  if (table === undefined || members === undefined) return undefined;
  const names = members.split(',').map((member) => /^\s*'([^']+)'\s*:\s*\?\s*$/.exec(member)?.[1]);
  return names.every((name) => name !== undefined) ? { table, names } : undefined;
}
