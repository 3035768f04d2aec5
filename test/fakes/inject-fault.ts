/** A fault at one port call. */
export interface Fault {
  /** The call, counted from 1 over all ports. */
  readonly at: number;
  /** `after its effect`: the call takes effect, but its answer is lost. */
  readonly moment: 'before its effect' | 'after its effect';
  /** `error`: only this call fails. `crash`: no later call takes effect either. */
  readonly kind: 'error' | 'crash';
}

/** All faults of one call. */
export function faultsAt(at: number): readonly Fault[] {
  return (['error', 'crash'] as const).flatMap((kind) =>
    (['before its effect', 'after its effect'] as const).map((moment) => ({ at, moment, kind })),
  );
}

export interface FaultyPorts<Ports> {
  readonly ports: Ports;
  /** Names of the calls so far, for example `events.claim`. */
  readonly calls: readonly string[];
  /** Whether the run that uses these ports has crashed, so that its result is lost. */
  readonly crashed: () => boolean;
}

/** Members that make no external calls, or whose calls cannot fail. */
const unfailing = new Set([
  'clock',
  'randomness',
  'pause',
  'prepare',
  'endpointPolicy',
  'keptLeases',
  'shadowHealth',
  'canaryNotes',
  'operations',
  'tokens',
]);

type AsyncCall = (...args: unknown[]) => Promise<unknown>;

/** Wraps ports so that one call fails. Without a fault, the wrapper only records the calls. */
export function injectFault<Ports extends object>(ports: Ports, fault?: Fault): FaultyPorts<Ports> {
  const calls: string[] = [];
  let dead = false;

  const wrap =
    (name: string, call: AsyncCall): AsyncCall =>
    async (...args) => {
      if (dead) throw new Error(`${name}: the process has ended`);
      calls.push(name);
      const struck = fault?.at === calls.length ? fault : undefined;
      const strike = (): never => {
        if (struck?.kind === 'crash') dead = true;
        throw new Error(`${name} failed ${struck?.moment}`);
      };
      if (struck?.moment === 'before its effect') strike();
      const answer = await call(...args);
      if (struck !== undefined) strike();
      if (dead) throw new Error(`${name}: the process has ended`);
      return answer;
    };

  const wrapPort = (name: string, port: unknown): unknown => {
    if (unfailing.has(name)) return port;
    if (typeof port === 'function') return wrap(name, port as AsyncCall);
    if (typeof port !== 'object' || port === null) return port;
    return Object.fromEntries(
      Object.entries(port).map(([member, value]) => [
        member,
        typeof value === 'function' ? wrap(`${name}.${member}`, value as AsyncCall) : value,
      ]),
    );
  };
  return {
    ports: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, wrapPort(name, port)])) as Ports,
    calls,
    crashed: () => dead,
  };
}
