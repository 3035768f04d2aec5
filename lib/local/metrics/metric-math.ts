/** A value of one period; undefined where there is no data. */
export type Point = number | undefined;

/** What an expression reads in one period. */
export interface MathScope {
  /** The value of a metric or of another expression, by its id. */
  readonly read: (id: string) => Point;
  /** The values of all metrics. */
  readonly metrics: () => readonly Point[];
  /** The quota of the service that a metric measures the use of. */
  readonly quota: (id: string) => number;
}

export type MathExpression = (scope: MathScope) => Point;

/** A part of an expression: one value, or a list of values. */
type Part = (scope: MathScope) => Point | readonly Point[];

/** How tightly an operator binds its operands. */
const operators: Readonly<Record<string, { readonly level: number; readonly of: (a: number, b: number) => number }>> = {
  '>=': { level: 1, of: (a, b) => Number(a >= b) },
  '<=': { level: 1, of: (a, b) => Number(a <= b) },
  '>': { level: 1, of: (a, b) => Number(a > b) },
  '<': { level: 1, of: (a, b) => Number(a < b) },
  '+': { level: 2, of: (a, b) => a + b },
  '-': { level: 2, of: (a, b) => a - b },
  '*': { level: 3, of: (a, b) => a * b },
  '/': { level: 3, of: (a, b) => a / b },
};

const token = /\s*(\d+(?:\.\d+)?|[A-Za-z_][A-Za-z0-9_]*|>=|<=|[-+*/()<>,])/y;

/**
 * Read an expression of CloudWatch's metric math: numbers, ids, arithmetic, comparisons, and the functions that alarms
 * of the stack use.
 *
 * @throws {RangeError} for what it does not understand.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function parseMetricMath(text: string): MathExpression {
  const tokens = readTokens(text);
  const parser = new Parser(text, tokens);
  const part = parser.binary(1);
  parser.end();
  return (scope) => single(part(scope), text);
}

function readTokens(text: string): readonly string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.trimEnd().length; at = token.lastIndex) {
    token.lastIndex = at;
    const [, found] = token.exec(text) ?? [];
    if (found === undefined) throw new RangeError(`expected metric math, got ${JSON.stringify(text.slice(at).trim())}`);
    tokens.push(found);
  }
  return tokens;
}

class Parser {
  private readonly text: string;
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(text: string, tokens: readonly string[]) {
    this.text = text;
    this.tokens = tokens;
  }

  end(): void {
    if (this.at < this.tokens.length) this.fail('the end');
  }

  binary(level: number): Part {
    if (level > 3) return this.operand();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = operators[this.tokens[this.at] ?? ''];
      if (operator?.level !== level) return left;
      this.at += 1;
      const [one, other] = [left, this.binary(level + 1)];
      left = (scope) => {
        const [a, b] = [single(one(scope), this.text), single(other(scope), this.text)];
        const value = a === undefined || b === undefined ? undefined : operator.of(a, b);
        // CloudWatch drops what is no number, such as a division by zero.
        return value === undefined || Number.isFinite(value) ? value : undefined;
      };
    }
  }

  private operand(): Part {
    const found = this.tokens[this.at++] ?? '';
    if (found === '(') {
      const inner = this.binary(1);
      this.expect(')');
      return inner;
    }
    if (/^\d/.test(found)) return () => Number(found);
    if (!/^[A-Za-z_]/.test(found)) this.fail('a number, an id or a function', found);
    if (this.tokens[this.at] !== '(') return ({ read }) => read(found);
    return this.call(found);
  }

  private call(name: string): Part {
    this.expect('(');
    if (name === 'SERVICE_QUOTA') {
      const id = this.tokens[this.at++] ?? '';
      this.expect(')');
      return ({ quota }) => quota(id);
    }
    const operands: Part[] = [];
    while (this.tokens[this.at] !== ')') {
      if (operands.length > 0) this.expect(',');
      operands.push(this.binary(1));
    }
    this.expect(')');
    const [first, second, third] = operands as [Part, Part, Part];
    const wanted = { METRICS: 0, SUM: 1, FILL: 2, IF: 3 }[name];
    if (wanted === undefined) this.fail('SUM, FILL, METRICS, IF or SERVICE_QUOTA', name);
    if (operands.length !== wanted) this.fail(`${wanted} operands of ${name}`, String(operands.length));
    switch (name) {
      case 'METRICS':
        return ({ metrics }) => metrics();
      case 'SUM':
        return (scope) => {
          const known = [first(scope)].flat().filter((value) => value !== undefined);
          return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
        };
      case 'FILL':
        return (scope) => {
          const [values, fill] = [first(scope), single(second(scope), this.text)];
          return Array.isArray(values) ? values.map((value: Point) => value ?? fill) : (values ?? fill);
        };
      default:
        return (scope) => {
          const condition = single(first(scope), this.text);
          return condition === undefined ? undefined : condition === 0 ? third(scope) : second(scope);
        };
    }
  }

  private expect(wanted: string): void {
    const found = this.tokens[this.at++];
    if (found !== wanted) this.fail(wanted, found);
  }

  private fail(expected: string, got = this.tokens[this.at] ?? 'the end'): never {
    throw new RangeError(`metric math ${JSON.stringify(this.text)}: expected ${expected}, got ${got}`);
  }
}

function single(value: Point | readonly Point[], text: string): Point {
  if (!Array.isArray(value)) return value as Point;
  throw new RangeError(`metric math ${JSON.stringify(text)}: expected one value, got a list; use SUM`);
}
