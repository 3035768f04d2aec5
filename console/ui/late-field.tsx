import type { ComponentProps } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { TextField } from './field.tsx';

const quietMs = 500;

/** A text that applies once one has stopped typing, so that not every letter is a search. */
export function LateTextField({ value, onChange, ...field }: ComponentProps<typeof TextField>) {
  const [typed, setTyped] = useState(value);
  const applied = useRef(value);
  // The newest function: another filter may have changed the address while this one was typed.
  const apply = useRef(onChange);
  apply.current = onChange;
  useEffect(() => {
    if (value === applied.current) return;
    applied.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    if (typed === applied.current) return;
    const timer = setTimeout(() => {
      applied.current = typed;
      apply.current(typed);
    }, quietMs);
    return () => clearTimeout(timer);
  }, [typed]);
  return <TextField {...field} value={typed} onChange={setTyped} />;
}
