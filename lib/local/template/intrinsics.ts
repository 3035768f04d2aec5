/** A place in the template that cannot be resolved; the reader collects all of them. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault';
}

/** The values that a template's intrinsic functions may refer to. */
export interface IntrinsicScope {
  /** Value of `Ref`: a resource, a parameter or a pseudo parameter. @throws {TemplateFault} when there is none. */
  ref(name: string): string;
  /** Value of `Fn::GetAtt`. @throws {TemplateFault} when there is none. */
  attribute(logicalId: string, attribute: string): string;
  /** Truth of a named condition. @throws {TemplateFault} when there is none. */
  condition(name: string): boolean;
}

/** The value of `AWS::NoValue`: removes the property or element that has it. */
const noValue = Symbol('AWS::NoValue');

/**
 * Replace every intrinsic function in a template value by its result.
 *
 * @throws {TemplateFault} when a function is unknown or malformed, or refers to nothing.
 */
export function resolveIntrinsics(value: unknown, scope: IntrinsicScope): unknown {
  const resolved = resolve(value, scope);
  return resolved === noValue ? undefined : resolved;
}

/** Evaluate a condition expression of the template's `Conditions` section. */
export function evaluateCondition(expression: unknown, scope: IntrinsicScope): boolean {
  const [name, argument] = intrinsicOf(expression) ?? fail('a condition function', expression);
  const operands = () => list(argument, name).map((operand) => evaluateCondition(operand, scope));
  switch (name) {
    case 'Condition':
      return scope.condition(text(argument, name));
    case 'Fn::Equals': {
      const [left, right] = list(argument, name).map((side) => resolve(side, scope));
      return JSON.stringify(left) === JSON.stringify(right);
    }
    case 'Fn::Not':
      return !operands()[0];
    case 'Fn::And':
      return operands().every(Boolean);
    case 'Fn::Or':
      return operands().some(Boolean);
    default:
      return fail('a condition function', expression);
  }
}

function resolve(value: unknown, scope: IntrinsicScope): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, scope)).filter((item) => item !== noValue);
  if (value === null || typeof value !== 'object') return value;
  const intrinsic = intrinsicOf(value);
  if (intrinsic !== undefined) return resolveIntrinsic(intrinsic[0], intrinsic[1], scope);
  const entries = Object.entries(value).map(([key, item]) => [key, resolve(item, scope)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== noValue));
}

function resolveIntrinsic(name: string, argument: unknown, scope: IntrinsicScope): unknown {
  switch (name) {
    case 'Ref':
      return argument === 'AWS::NoValue' ? noValue : scope.ref(text(argument, name));
    case 'Fn::GetAtt': {
      const parts = typeof argument === 'string' ? splitOnce(argument, '.') : list(argument, name);
      return scope.attribute(text(parts[0], name), text(resolve(parts[1], scope), name));
    }
    case 'Fn::Join': {
      const [separator, items] = list(argument, name);
      return list(resolve(items, scope), name).map(scalar).join(text(separator, name));
    }
    case 'Fn::Sub':
      return substitute(argument, scope);
    case 'Fn::Select': {
      const [index, items] = list(argument, name);
      const values = list(resolve(items, scope), name);
      return values[Number(resolve(index, scope))] ?? fail('an index inside the list', argument);
    }
    case 'Fn::Split': {
      const [separator, source] = list(argument, name);
      return text(resolve(source, scope), name).split(text(separator, name));
    }
    case 'Fn::If': {
      const [condition, whenTrue, whenFalse] = list(argument, name);
      return resolve(scope.condition(text(condition, name)) ? whenTrue : whenFalse, scope);
    }
    case 'Fn::Base64':
      return Buffer.from(text(resolve(argument, scope), name)).toString('base64');
    default:
      throw new TemplateFault(
        `${name} is not understood by the local runner; add it to lib/local/template/intrinsics.ts`,
      );
  }
}

/** `${Name}`, `${Id.Attribute}`, `${!Literal}`, with or without a map of variables. */
function substitute(argument: unknown, scope: IntrinsicScope): string {
  const [pattern, variables] = Array.isArray(argument) ? argument : [argument, {}];
  const own = resolve(variables ?? {}, scope) as Record<string, unknown>;
  return text(pattern, 'Fn::Sub').replace(/\$\{([^}]*)\}/g, (_whole, inner: string) => {
    if (inner.startsWith('!')) return `\${${inner.slice(1)}}`;
    const name = inner.trim();
    if (Object.hasOwn(own, name)) return scalar(own[name]);
    const [logicalId, attribute] = splitOnce(name, '.');
    return attribute === undefined ? scope.ref(name) : scope.attribute(logicalId ?? '', attribute);
  });
}

/** An object whose only key names a function is a call of it. */
function intrinsicOf(value: unknown): [name: string, argument: unknown] | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0) return undefined;
  return entry[0] === 'Ref' || entry[0] === 'Condition' || entry[0].startsWith('Fn::') ? entry : undefined;
}

function splitOnce(source: string, separator: string): [string, string?] {
  const at = source.indexOf(separator);
  return at === -1 ? [source] : [source.slice(0, at), source.slice(at + 1)];
}

function text(value: unknown, where: string): string {
  return typeof value === 'string' ? value : fail(`a string in ${where}`, value);
}

function list(value: unknown, where: string): unknown[] {
  return Array.isArray(value) ? value : fail(`a list in ${where}`, value);
}

function scalar(value: unknown): string {
  return value !== null && typeof value === 'object' ? fail('a string, number or boolean', value) : String(value);
}

function fail(expected: string, got: unknown): never {
  throw new TemplateFault(`expected ${expected}, got ${JSON.stringify(got)}`);
}
