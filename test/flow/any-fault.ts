import fc from 'fast-check';
import type { Fault } from '../fakes/inject-fault.ts';

/** An arbitrary fault at one of the first `calls` port calls. */
export function anyFault(calls: number): fc.Arbitrary<Fault> {
  return fc.record({
    at: fc.integer({ min: 1, max: calls }),
    moment: fc.constantFrom('before its effect' as const, 'after its effect' as const),
    kind: fc.constantFrom('error' as const, 'crash' as const),
  });
}
