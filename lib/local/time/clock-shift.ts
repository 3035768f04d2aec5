/**
 * Shift the current time of `Date`, in this process or thread, by an offset that may change.
 *
 * Emulator processes and sandbox workers load this first, so that one engine has one clock, and a visibility timeout of
 * minutes passes immediately when a test moves the clock. Timers and `performance.now()` keep real time: they measure
 * work, not the calendar.
 *
 * @param offsetMs - One element, read at every call; may be in shared memory.
 */
export function shiftDate(offsetMs: Float64Array): void {
  const RealDate = Date;
  const now = (): number => RealDate.now() + (offsetMs[0] ?? 0);

  // Not a class, because `Date()` without `new` is legal and a class would throw.
  function ShiftedDate(this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return new RealDate(now()).toString();
    const constructor = (new.target as unknown) === ShiftedDate ? RealDate : new.target;
    return Reflect.construct(RealDate, args.length === 0 ? [now()] : args, constructor);
  }
  Object.defineProperties(ShiftedDate, {
    name: { value: 'Date' },
    length: { value: 7 },
    // The same prototype, so that `instanceof Date` holds for dates made by either.
    prototype: { value: RealDate.prototype },
    now: { value: now },
    parse: { value: RealDate.parse },
    UTC: { value: RealDate.UTC },
  });
  Object.defineProperty(RealDate.prototype, 'constructor', {
    value: ShiftedDate,
    writable: true,
    configurable: true,
  });
  globalThis.Date = ShiftedDate as unknown as DateConstructor;
}
