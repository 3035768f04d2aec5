import { EngineError } from '../../contracts/engine-error.ts';
import { type FunctionName, functionEnvironments } from '../../contracts/environment.ts';

export type Environment<Name extends FunctionName> = Readonly<
  Record<(typeof functionEnvironments)[Name][number], string>
>;

/**
 * Read the environment that the stack gave a function.
 *
 * @throws {configuration-invalid} naming every missing key.
 */
export function readEnvironment<Name extends FunctionName>(
  name: Name,
  variables: Readonly<Record<string, string | undefined>>,
): Environment<Name> {
  const keys = functionEnvironments[name];
  const missing = keys.filter((key) => variables[key] === undefined);
  if (missing.length > 0)
    throw new EngineError('configuration-invalid', `the environment of ${name} lacks ${missing.join(', ')}`, {
      retryable: false,
    });
  return variables as Environment<Name>;
}

/**
 * Read a whole number from the environment.
 *
 * @throws {configuration-invalid} when the value is not one.
 */
export function readNumber(value: string, key: string): number {
  if (!/^\d+$/.test(value))
    throw new EngineError('configuration-invalid', `${key} must be a whole number, got "${value}"`, {
      retryable: false,
    });
  return Number(value);
}
